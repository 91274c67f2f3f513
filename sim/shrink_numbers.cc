#include <algorithm>
#include <initializer_list>
#include <utility>

#include "sim/fault.h"
#include "sim/shrinker.h"

namespace millrace::sim {
namespace {

constexpr int64_t kGrains[] = {1'000'000'000, 100'000'000, 10'000'000, 1'000'000, 100'000, 10'000, 1'000};

// Tries the plan with one thing set to `value`. `place` finds the thing in a plan.
template <typename Place, typename T>
bool Set(Shrinker& shrinker, const Place& place, T value) {
  Plan smaller = shrinker.plan();
  if (place(smaller) == value) return false;
  place(smaller) = value;
  return shrinker.Try(smaller);
}

// Brings a number down to `least`, or else by smaller and smaller steps. Each is strictly down, so that it ends.
template <typename Place>
bool Lower(Shrinker& shrinker, const Place& place, int64_t least) {
  const auto value = [&] {
    Plan copy = shrinker.plan();
    return static_cast<int64_t>(place(copy));
  };
  using T = std::remove_reference_t<decltype(place(std::declval<Plan&>()))>;
  if (value() <= least) return false;
  if (Set(shrinker, place, static_cast<T>(least))) return true;
  bool any = false;
  for (int64_t step = value() - least; step > 0; step /= 2) {
    while (value() - step > least && Set(shrinker, place, static_cast<T>(value() - step))) any = true;
  }
  return any;
}

// Brings a time down to `least`, else by halves, and to as round a value as will do.
template <typename Place>
bool Round(Shrinker& shrinker, const Place& place, int64_t least) {
  const auto value = [&] {
    Plan copy = shrinker.plan();
    return static_cast<int64_t>(place(copy));
  };
  if (value() <= least) return false;
  if (Set(shrinker, place, least)) return true;
  bool any = false;
  while (value() / 2 > least && Set(shrinker, place, value() / 2)) any = true;
  for (const int64_t grain : kGrains) {
    const int64_t rounded = value() / grain * grain;
    if (rounded > least && rounded < value() && Set(shrinker, place, rounded)) return true;
  }
  return any;
}

bool ShrinkFault(Shrinker& shrinker, size_t i) {
  const auto trigger = [i](Plan& plan) -> Trigger& { return plan.faults[i].trigger; };
  const auto at = [i](Plan& plan) -> int64_t& { return plan.faults[i].trigger.at_ns; };
  const auto count = [i](Plan& plan) -> uint32_t& { return plan.faults[i].trigger.count; };
  const auto duration = [i](Plan& plan) -> int64_t& { return plan.faults[i].duration_ns; };
  const auto amount = [i](Plan& plan) -> int64_t& { return plan.faults[i].amount; };
  bool any = false;
  const Trigger before = shrinker.plan().faults[i].trigger;
  if (before.kind == TriggerKind::kAtTime) {
    any |= Round(shrinker, at, 0);
  } else {
    any |= Lower(shrinker, count, 1);
  }
  if (before.kind == TriggerKind::kInPort && before.after) {
    Trigger early = shrinker.plan().faults[i].trigger;
    early.after = false;
    any |= Set(shrinker, trigger, early);
  }
  const FaultType* type = FindFault(shrinker.plan().faults[i].kind);
  // What needs healing and has no duration would never heal: that is more and not less.
  const bool heals = type != nullptr && type->heal != nullptr;
  any |= Round(shrinker, duration, heals ? kGrains[3] : 0);
  if (shrinker.plan().faults[i].amount < 0) {
    any |= Set(shrinker, amount, -shrinker.plan().faults[i].amount);
  }
  const AmountKind amounts = type != nullptr ? type->amount_kind : AmountKind::kCount;
  any |= amounts == AmountKind::kTime ? Round(shrinker, amount, 0)
                                      : Lower(shrinker, amount, amounts == AmountKind::kCountZeroAll ? 1 : 0);
  return any;
}

bool ShrinkArrivals(Shrinker& shrinker) {
  // All at once, if that will do; else each as early as may be.
  Plan smaller = shrinker.plan();
  bool late = false;
  for (Job& job : smaller.jobs) late |= std::exchange(job.at_ns, 0) > 0;
  if (!late) return false;
  if (shrinker.Try(smaller)) return true;
  bool any = false;
  for (size_t i = 0; i < shrinker.plan().jobs.size() && !shrinker.spent(); ++i) {
    any |= Round(
        shrinker, [i](Plan& plan) -> int64_t& { return plan.jobs[i].at_ns; }, 0);
  }
  return any;
}

// A range of times: constant is simplest, then the default.
bool ShrinkRange(Shrinker& shrinker, int64_t Timing::*low, int64_t Timing::*high) {
  const Timing standard;
  const Timing& now = shrinker.plan().timing;
  if (now.*low == now.*high) return false;
  const auto set = [&](int64_t min_ns, int64_t max_ns) {
    Plan smaller = shrinker.plan();
    smaller.timing.*low = min_ns;
    smaller.timing.*high = max_ns;
    return shrinker.Try(smaller);
  };
  for (const int64_t value : {standard.*high, standard.*low, now.*high, now.*low}) {
    if (set(value, value)) return true;
  }
  const bool is_default = now.*low == standard.*low && now.*high == standard.*high;
  return !is_default && set(standard.*low, standard.*high);
}

bool ShrinkTiming(Shrinker& shrinker) {
  const Timing standard;
  bool any = ShrinkRange(shrinker, &Timing::latency_min_ns, &Timing::latency_max_ns);
  any |= ShrinkRange(shrinker, &Timing::service_min_ns, &Timing::service_max_ns);
  any |= ShrinkRange(shrinker, &Timing::port_min_ns, &Timing::port_max_ns);
  {
    // Heartbeats go with sessions.
    Plan smaller = shrinker.plan();
    smaller.timing.session_timeout_ns = standard.session_timeout_ns;
    smaller.timing.heartbeat_ns = standard.heartbeat_ns;
    any |= shrinker.Try(smaller);
  }
  for (int64_t Timing::*field :
       {&Timing::revoke_timeout_ns, &Timing::max_poll_interval_ns, &Timing::linger_ns, &Timing::restart_ns}) {
    any |= Set(
        shrinker, [field](Plan& plan) -> int64_t& { return plan.timing.*field; }, standard.*field);
  }
  return any;
}

bool ShrinkSettings(Shrinker& shrinker) {
  const Plan standard;
  bool any = Set(
      shrinker, [](Plan& plan) -> bool& { return plan.cooperative; }, false);
  any |= Set(
      shrinker, [](Plan& plan) -> bool& { return plan.static_members; }, false);
  any |= Set(
      shrinker, [](Plan& plan) -> uint32_t& { return plan.prefetch; }, standard.prefetch);
  return any;
}

}  // namespace

bool ShrinkNumbers(Shrinker& shrinker) {
  bool any = ShrinkSettings(shrinker);
  any |= ShrinkTiming(shrinker);
  for (size_t i = 0; i < shrinker.plan().faults.size() && !shrinker.spent(); ++i) any |= ShrinkFault(shrinker, i);
  any |= ShrinkArrivals(shrinker);
  return any;
}

}  // namespace millrace::sim
