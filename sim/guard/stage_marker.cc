#include "sim/guard/stage_marker.h"

#include <utility>

namespace millrace::sim {
namespace {

// Constant from the start: interposed calls may come before anything of this program has run.
constinit thread_local StageCall* current = nullptr;

std::string_view Advice(StageFindingKind kind) {
  switch (kind) {
    case StageFindingKind::kRealClock:
      return "reads the real clock: take Context::now()";
    case StageFindingKind::kSleep:
      return "sleeps: return an error and be tried again, or put what it waits for behind a port";
    case StageFindingKind::kThread:
      return "starts a thread: its work can end in another order the next time";
    case StageFindingKind::kRandomness:
      return "draws random numbers: take Context::RandomBits";
    case StageFindingKind::kEnvironment:
      return "reads the environment: take an option of the stage";
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

StageWatch::Running StageWatch::Now() const {
  std::lock_guard lock(mutex_);
  if (!inside_) return {};
  return {.call = calls_, .stage = stage_, .input = input_, .job = job_};
}

StageCall* StageMarker::Current() { return current; }

void StageMarker::Set(StageCall* call) {
  if (current != nullptr && current->watch != nullptr) current->watch->Leave();
  current = call;
  if (call != nullptr && call->watch != nullptr) call->watch->Enter(call->stage, call->input, call->job);
}

StageCall* StageMarker::Pause() {
  StageCall* const call = current;
  Set(nullptr);
  if (call != nullptr) ++call->port_calls;
  return call;
}

void StageMarker::Restore(StageCall* call) { Set(call); }

void StageMarker::Report(StageFindingKind kind, std::string_view what, int bit) {
  StageCall* const call = current;
  if (call == nullptr || call->sink == nullptr || (call->reported >> bit & 1) != 0) return;
  call->reported |= uint64_t{1} << bit;
  // What telling it does is not the stage's doing.
  current = nullptr;
  StageFinding finding{
      .kind = kind, .stage = std::string(call->stage), .input = std::string(call->input), .what = std::string(what)};
  finding.text = "stage " + finding.stage + " " + std::string(Advice(kind)) + " (" + finding.what + ", for input " +
                 finding.input + ")";
  call->sink->Add(std::move(finding));
  current = call;
}

InStage::InStage(StageCall* call) : outer_(StageMarker::Current()) { StageMarker::Set(call); }
InStage::~InStage() { StageMarker::Set(outer_); }

}  // namespace millrace::sim
