#include "sim/exhaustive.h"

#include <utility>

#include "bus/check.h"

namespace millrace::sim {

Exhaustive::Exhaustive(Plan base, std::vector<uint32_t> actions, ExhaustiveOptions options)
    : base_(std::move(base)), actions_(std::move(actions)), options_(options) {
  MR_CHECK(base_.faults.empty()) << "crashes are added to a plan without faults";
}

uint64_t Exhaustive::singles() const {
  uint64_t sum = 0;
  for (const uint32_t count : actions_) sum += count;
  return options_.crashes_max > 0 ? sum : 0;
}

bool Exhaustive::NextFirst() {
  if (options_.crashes_max < 1) return false;
  ++first_.count;
  while (first_.process < actions_.size() && first_.count > actions_[first_.process]) first_ = {first_.process + 1, 1};
  return first_.process < actions_.size();
}

// A pair is given when its first crash, by process and count, is one that can strike in the run without faults. Those where
// both can come with the smaller one first; those of which only one can come with that one. The same process crashes the
// second time after the first.
bool Exhaustive::NextSecond() {
  ++second_.count;
  while (second_.process < reached_.size()) {
    const uint32_t q = second_.process;
    uint32_t least = 1;
    if (q == first_.process) least = first_.count + 1;
    if (q < first_.process) least = actions_[q] + 1;
    if (second_.count < least) second_.count = least;
    if (second_.count <= reached_[q]) return true;
    second_ = {q + 1, 1};
  }
  return false;
}

Plan Exhaustive::Make(bool second) const {
  Plan plan = base_;
  const auto add = [&](uint32_t id, const Point& point) {
    plan.faults.push_back(
        {.id = id,
         .kind = "crash",
         .trigger = {.kind = TriggerKind::kAfterAction, .process = point.process, .count = point.count},
         .duration_ns = options_.down_ns});
  };
  add(1, first_);
  if (second) add(2, second_);
  return plan;
}

std::optional<Plan> Exhaustive::Next() {
  MR_CHECK(!waiting_) << "Reached was not called for the plan before";
  if (seconds_ && NextSecond()) {
    ++given_;
    return Make(true);
  }
  seconds_ = false;
  if (!NextFirst()) return std::nullopt;
  ++given_;
  waiting_ = options_.crashes_max > 1;
  return Make(false);
}

void Exhaustive::Reached(const std::vector<uint32_t>& actions) {
  if (!waiting_) return;
  waiting_ = false;
  seconds_ = true;
  reached_ = actions;
  // Slots that came later are no slots of the plan.
  reached_.resize(actions_.size());
  second_ = {};
}

}  // namespace millrace::sim
