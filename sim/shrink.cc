#include "sim/shrink.h"

#include <algorithm>
#include <utility>

#include "bus/digest.h"
#include "bus/random.h"
#include "sim/fault.h"
#include "sim/shrinker.h"

namespace millrace::sim {
namespace {

// A plan as 128 bits: two plans with one digest would be one too few to try, and no more.
class Hasher {
 public:
  void Add(uint64_t value) {
    a_ = Random::Mix(a_ + 0x9e3779b97f4a7c15ull) ^ Random::Mix(value);
    b_ = Random::Mix(b_ ^ Random::Mix(value + 0xd1b54a32d192ed03ull)) + 1;
  }
  void Add(int64_t value) { Add(static_cast<uint64_t>(value)); }
  template <typename... Values>
  void All(Values... values) {
    (Add(static_cast<int64_t>(values)), ...);
  }
  std::pair<uint64_t, uint64_t> digest() const { return {a_, b_}; }

 private:
  uint64_t a_ = 1, b_ = 2;
};

std::pair<uint64_t, uint64_t> DigestOf(const Plan& plan) {
  Hasher hash;
  hash.All(plan.salt, plan.semantics, plan.layout, plan.cooperative, plan.static_members, plan.processes, plan.prefetch,
           plan.jobs.size(), plan.faults.size(), plan.limits.time_ns, plan.limits.records);
  for (const Job& job : plan.jobs) hash.All(job.id, job.input, job.at_ns);
  for (const Fault& fault : plan.faults) {
    const Trigger& trigger = fault.trigger;
    hash.Add(bus::Digest64(fault.kind));
    hash.All(fault.id, fault.target, fault.part, fault.duration_ns, fault.amount);
    hash.All(trigger.kind, trigger.at_ns, trigger.process, trigger.job, trigger.action, trigger.count, trigger.after);
  }
  const Timing& timing = plan.timing;
  hash.All(timing.latency_min_ns, timing.latency_max_ns, timing.service_min_ns, timing.service_max_ns,
           timing.port_min_ns, timing.port_max_ns, timing.session_timeout_ns, timing.heartbeat_ns,
           timing.revoke_timeout_ns, timing.max_poll_interval_ns, timing.linger_ns, timing.restart_ns);
  return hash.digest();
}

// Takes away what can go of one list of a plan, but for what `keep` wants: halves, quarters, … and in the end one by one,
// until a whole sweep of those finds nothing. So in the end each of those that are left is needed.
template <typename T, typename Keep>
bool Reduce(Shrinker& shrinker, std::vector<T> Plan::*list, const Keep& keep) {
  bool any = false;
  size_t chunk = std::max<size_t>((shrinker.plan().*list).size(), 1);
  while (!shrinker.spent()) {
    bool found = false;
    // From the back: what comes later depends on what came before.
    for (size_t end = (shrinker.plan().*list).size(); end > 0;) {
      const size_t begin = end > chunk ? end - chunk : 0;
      Plan smaller = shrinker.plan();
      std::vector<T>& items = smaller.*list;
      const auto first = items.begin() + static_cast<ptrdiff_t>(begin);
      const auto last = items.begin() + static_cast<ptrdiff_t>(end);
      const size_t before = items.size();
      items.erase(std::remove_if(first, last, [&](const T& item) { return !keep(item); }), last);
      if (items.size() < before && shrinker.Try(smaller)) found = true;
      end = begin;
    }
    any |= found;
    if (chunk > 1) {
      chunk = (chunk + 1) / 2;
    } else if (!found) {
      break;
    }
  }
  return any;
}

bool ShrinkFaults(Shrinker& shrinker) {
  return Reduce(shrinker, &Plan::faults, [](const Fault&) { return false; });
}

// Jobs that faults are about stay as long as the faults do.
bool ShrinkJobs(Shrinker& shrinker) {
  std::set<uint32_t> named;
  for (const Fault& fault : shrinker.plan().faults) {
    if (fault.trigger.kind == TriggerKind::kAtJob) named.insert(fault.trigger.job);
    const FaultType* type = FindFault(fault.kind);
    if (type != nullptr && type->traits.at_job != JobEffect::kNone) named.insert(static_cast<uint32_t>(fault.part));
  }
  return Reduce(shrinker, &Plan::jobs, [&](const Job& job) { return named.contains(job.id); });
}

// The highest slot that a fault is about, and one: 0 if none is.
uint32_t SlotsUsed(const Plan& plan) {
  uint32_t used = 0;
  for (const Fault& fault : plan.faults) {
    const Trigger& trigger = fault.trigger;
    if (trigger.kind == TriggerKind::kAfterAction || trigger.kind == TriggerKind::kInPort) {
      used = std::max(used, trigger.process + 1);
    }
    const FaultType* type = FindFault(fault.kind);
    const bool process = type == nullptr || type->target == "process";
    if (process && fault.target >= 0) used = std::max(used, static_cast<uint32_t>(fault.target) + 1);
  }
  return used;
}

bool ShrinkProcesses(Shrinker& shrinker) {
  bool any = false;
  if (shrinker.plan().layout == Layout::kApart && SlotsUsed(shrinker.plan()) <= shrinker.plan().processes) {
    Plan smaller = shrinker.plan();
    smaller.layout = Layout::kTogether;
    any = shrinker.Try(smaller);
  }
  const uint32_t each = shrinker.plan().layout == Layout::kApart ? std::max(shrinker.options().stages, 1u) : 1;
  const uint32_t least = std::max(1u, (SlotsUsed(shrinker.plan()) + each - 1) / each);
  for (uint32_t count = least; count < shrinker.plan().processes; ++count) {
    Plan smaller = shrinker.plan();
    smaller.processes = count;
    if (shrinker.Try(smaller)) return true;
  }
  return any;
}

}  // namespace

bool Shrinker::Begins() { return Run(plan_); }

bool Shrinker::Try(const Plan& candidate) {
  const std::pair<uint64_t, uint64_t> digest = DigestOf(candidate);
  if (passed_.contains(digest) || digest == DigestOf(plan_)) return false;
  if (runs_ >= options_.runs_max) {
    spent_ = true;
    return false;
  }
  if (!Run(candidate)) {
    passed_.insert(digest);
    return false;
  }
  plan_ = candidate;
  return true;
}

bool Shrinker::Run(const Plan& candidate) {
  ++runs_;
  return still_fails_(candidate);
}

absl::StatusOr<ShrinkResult> Shrink(const Plan& plan, const std::function<bool(const Plan&)>& still_fails,
                                    const ShrinkOptions& options) {
  Shrinker shrinker(plan, still_fails, options);
  if (!shrinker.Begins()) {
    return absl::InvalidArgumentError(
        "the plan does not fail in that way, so there is nothing to shrink; run it once more and compare the verdicts");
  }
  for (bool smaller = true; smaller && !shrinker.spent();) {
    smaller = ShrinkFaults(shrinker);
    smaller |= ShrinkJobs(shrinker);
    smaller |= ShrinkProcesses(shrinker);
    smaller |= ShrinkNumbers(shrinker);
  }
  ShrinkResult result = {.plan = shrinker.plan(), .runs = shrinker.runs(), .budget_spent = shrinker.spent()};
  if (!(result.plan == plan)) result.plan.seed = 0;
  return result;
}

}  // namespace millrace::sim
