#include "sim/guard/stage_marker.h"

#include <poll.h>

#include <utility>

namespace millrace::sim {

constinit thread_local StageCall* current_stage_call = nullptr;

namespace {

// Longer than a watchdog needs to look, and to tell.
constexpr int kWatchdogMs = 20'000;

// What it does, and the call to write instead.
std::string_view Advice(StageFindingKind kind) {
  switch (kind) {
    case StageFindingKind::kRealClock:
      return "reads the real clock: call context.now(), of the Context that Process is given";
    case StageFindingKind::kSleep:
      return "sleeps: return absl::UnavailableError(…) and be called again later, or put what it waits for behind a "
             "port";
    case StageFindingKind::kThread:
      return "starts a thread, whose work can end in another order the next time: do it in Process, and give the stage "
             "more concurrency in the pipeline file";
    case StageFindingKind::kRandomness:
      return "draws random numbers: call context.RandomBits(purpose), of the Context that Process is given";
    case StageFindingKind::kEnvironment:
      return "reads the environment: call config.options.Get(\"key\", …) in the stage's factory, and set the option in "
             "the pipeline file";
    case StageFindingKind::kUndeclaredPort:
      return "calls a port that its kind does not name: name it in StageKind::ports";
    default:
      return "does what a replay cannot repeat";
  }
}

}  // namespace

void StageWatch::Enter(std::string_view stage, std::string_view input, std::string_view job) {
  std::lock_guard lock(mutex_);
  ++calls_;
  inside_ = true;
  stage_.assign(stage);
  input_.assign(input);
  job_.assign(job);
}

void StageWatch::Leave() {
  std::lock_guard lock(mutex_);
  inside_ = false;
}

void StageWatch::Ends(std::string_view what) {
  std::lock_guard lock(mutex_);
  ends_by_.assign(what);
}

StageWatch::Running StageWatch::Now() const {
  std::lock_guard lock(mutex_);
  if (!inside_) return {};
  return {.call = calls_, .stage = stage_, .input = input_, .job = job_, .ends_by = ends_by_};
}

void StageMarker::Set(StageCall* call) {
  if (StageCall* const before = current_stage_call; before != nullptr && before->watch != nullptr)
    before->watch->Leave();
  current_stage_call = call;
  if (call != nullptr && call->watch != nullptr) call->watch->Enter(call->stage, call->input, call->job);
}

StageCall* StageMarker::Pause() {
  StageCall* const call = current_stage_call;
  Set(nullptr);
  if (call != nullptr) ++call->port_calls;
  return call;
}

void StageMarker::Restore(StageCall* call) { Set(call); }

void StageMarker::Report(StageFindingKind kind, std::string_view what, int bit) {
  StageCall* const call = current_stage_call;
  if (call == nullptr || call->sink == nullptr || (call->reported >> bit & 1) != 0) return;
  call->reported |= uint64_t{1} << bit;
  // What telling it does is not the stage's doing.
  current_stage_call = nullptr;
  StageFinding finding{
      .kind = kind, .stage = std::string(call->stage), .input = std::string(call->input), .what = std::string(what)};
  finding.text = "stage " + finding.stage + " " + std::string(Advice(kind)) + " (" + finding.what + ", for input " +
                 finding.input + ")";
  call->sink->Add(std::move(finding));
  current_stage_call = call;
}

void StageMarker::EndsProcess(std::string_view what) {
  // Waiting is not the stage's doing.
  StageCall* const call = std::exchange(current_stage_call, nullptr);
  if (call != nullptr && call->watch != nullptr) {
    call->watch->Ends(what);
    poll(nullptr, 0, kWatchdogMs);
  }
  current_stage_call = call;
}

InStage::InStage(StageCall* call) : outer_(StageMarker::Current()) { StageMarker::Set(call); }
InStage::~InStage() { StageMarker::Set(outer_); }

}  // namespace millrace::sim
