#include "sim/guard/stage_finding.h"

namespace millrace::sim {

std::string_view NameOf(StageFindingKind kind) {
  switch (kind) {
    case StageFindingKind::kNotDeterministic:
      return "not-deterministic";
    case StageFindingKind::kRealClock:
      return "real-clock";
    case StageFindingKind::kSleep:
      return "sleep";
    case StageFindingKind::kThread:
      return "thread";
    case StageFindingKind::kRandomness:
      return "randomness";
    case StageFindingKind::kEnvironment:
      return "environment";
    case StageFindingKind::kStaticState:
      return "static-state";
    case StageFindingKind::kEndlessLoop:
      return "endless-loop";
    case StageFindingKind::kProcessExit:
      return "process-exit";
    case StageFindingKind::kUndeclaredPort:
      return "undeclared-port";
  }
  return "unknown";
}

void StageFindings::Add(StageFinding finding) {
  std::lock_guard lock(mutex_);
  if (++counts_[LikeOf(finding)] == 1) first_.push_back(std::move(finding));
}

void StageFindings::NotCheckable(std::string_view stage, std::string_view why) {
  std::lock_guard lock(mutex_);
  not_checkable_.emplace(stage, why);
}

std::vector<StageFinding> StageFindings::all() const {
  std::lock_guard lock(mutex_);
  return first_;
}

uint64_t StageFindings::count(const StageFinding& finding) const {
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(LikeOf(finding));
  return found == counts_.end() ? 0 : found->second;
}

std::vector<std::pair<std::string, std::string>> StageFindings::not_checkable() const {
  std::lock_guard lock(mutex_);
  return {not_checkable_.begin(), not_checkable_.end()};
}

void StageFindings::Clear() {
  std::lock_guard lock(mutex_);
  first_.clear();
  counts_.clear();
  not_checkable_.clear();
}

}  // namespace millrace::sim
