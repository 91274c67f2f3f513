#include "ops/sim_watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace millrace::ops {
namespace {

std::string InputOf(const sim::StageWatch::Running& running) {
  return running.job.empty() ? running.input : running.input + " (job " + running.job + ")";
}

sim::StageFinding EndsProcess(const sim::StageWatch::Running& running) {
  sim::StageFinding finding{.kind = sim::StageFindingKind::kProcessExit,
                            .stage = running.stage,
                            .input = running.input,
                            .what = running.ends_by};
  finding.text = "stage " + running.stage + " ends its process for input " + InputOf(running) + ": it calls " +
                 running.ends_by + "; return an error instead, which is tried again or ends as a dead letter";
  return finding;
}

sim::StageFinding DoesNotReturn(const sim::StageWatch::Running& running, Duration limit) {
  sim::StageFinding finding{.kind = sim::StageFindingKind::kEndlessLoop,
                            .stage = running.stage,
                            .input = running.input,
                            .what = "does not return"};
  const auto limit_ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  finding.text = "stage " + running.stage + " does not return for input " + InputOf(running) +
                 ": it has been running for " + std::to_string(limit_ms) + " ms of real time";
  return finding;
}

// Whether `call` returned in time. Where it did not, its thread is left behind.
bool RunFor(Duration limit, std::function<void()> call) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable signal;
    bool done = false;
  };
  auto shared = std::make_shared<Shared>();
  std::thread([shared, call = std::move(call)] {
    call();
    std::lock_guard lock(shared->mutex);
    shared->done = true;
    shared->signal.notify_one();
  }).detach();
  std::unique_lock lock(shared->mutex);
  return shared->signal.wait_for(lock, limit, [&] { return shared->done; });
}

}  // namespace

StageWatchdog::StageWatchdog(const sim::StageWatch* watch, WatchdogOptions options)
    : watch_(watch), options_(std::move(options)), thread_([this] { Look(); }) {}

StageWatchdog::~StageWatchdog() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  signal_.notify_one();
  thread_.join();
}

void StageWatchdog::Look() {
  uint64_t call = 0;
  Duration seen{0};
  auto last = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!signal_.wait_for(lock, options_.look_every, [this] { return stop_; })) {
    const auto now = std::chrono::steady_clock::now();
    // A long pause between two looks is one of the whole process (a debugger, SIGSTOP), not the stage's.
    const Duration since = std::min<Duration>(now - last, 2 * options_.look_every);
    last = now;
    const sim::StageWatch::Running running = watch_->Now();
    if (!running.ends_by.empty()) return End(EndsProcess(running));
    if (running.call == 0 || running.call != call) {
      call = running.call;
      seen = Duration{0};
      continue;
    }
    seen += since;
    if (seen < options_.limit) continue;
    return End(DoesNotReturn(running, options_.limit));
  }
}

void StageWatchdog::End(const sim::StageFinding& finding) {
  // Where several stages are at fault at once, one of them is told of.
  static std::atomic_flag ending;
  if (!options_.terminate && ending.test_and_set()) return;
  std::fprintf(stderr, "%s\n", finding.text.c_str());
  const bool in_time = RunFor(options_.hook_limit, [finding, hook = options_.on_stuck] {
    if (hook) hook(finding);
    std::fflush(nullptr);
  });
  if (!in_time) std::fprintf(stderr, "what there was to write down about it took too long, and may be incomplete\n");
  options_.terminate ? options_.terminate() : _exit(1);
}

}  // namespace millrace::ops
