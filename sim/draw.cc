#include "sim/draw.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "bus/check.h"
#include "bus/digest.h"
#include "sim/faults/drawing.h"
#include "sim/faults/rolling.h"

namespace millrace::sim {
namespace {

// What draws are for. Their numbers are part of what a seed means.
enum Purpose : uint64_t {
  kSalt = 0x706c616e00,
  kSemantics,
  kLayout,
  kProcesses,
  kCooperative,
  kStaticMembers,
  kPrefetch,
  kJobCount,
  kJobChoice,
  kJobKeys,
  kJobOrder,
  kArrival,
  kGap,
  kBurst,
  kNetwork,
  kService,
  kSession,
  kRestart,
  kFaultCount,
  kFaultKinds,
  kFaultKind,
  kStretch,
  kLinger,
};

constexpr int64_t kArrivalMax = 30 * kSecond;

uint64_t KindId(std::string_view name) { return bus::Digest64(name); }

class Drawer {
 public:
  Drawer(uint64_t seed, const DrawFacts& facts) : random_(seed), facts_(facts) {
    plan_.seed = seed;
    plan_.salt = random_.Bits(kSalt, {});
    plan_.inputs_digest = facts.inputs.digest;
  }

  Plan Take() && {
    Shape();
    Speeds();
    const std::vector<uint32_t> inputs = Inputs();
    Arrivals(inputs);
    Faults();
    return std::move(plan_);
  }

 private:
  uint64_t Below(Purpose purpose, uint64_t bound) const { return random_.Below(purpose, {}, bound); }
  bool OneIn(Purpose purpose, uint64_t n) const { return Below(purpose, n) == 0; }

  void Shape() {
    plan_.semantics = facts_.semantics.value_or(OneIn(kSemantics, 2) ? Semantics::kQueue : Semantics::kLog);
    if (facts_.topology->stages.size() > 1 && OneIn(kLayout, 4)) plan_.layout = Layout::kApart;
    static constexpr uint32_t kCounts[] = {1, 2, 2, 2, 3, 3, 4, 4};
    plan_.processes = kCounts[Below(kProcesses, std::size(kCounts))];
    if (plan_.semantics == Semantics::kLog) {
      plan_.cooperative = OneIn(kCooperative, 2);
      plan_.static_members = OneIn(kStaticMembers, 4);
    } else {
      static constexpr uint32_t kPrefetches[] = {1, 4, 16, 64, 64, 256};
      plan_.prefetch = kPrefetches[Below(kPrefetch, std::size(kPrefetches))];
    }
  }

  void Speeds() {
    struct Range {
      int64_t min_ns, max_ns;
    };
    // As it comes, at once, another region, and now and then something in between.
    static constexpr Range kNetworks[] = {
        {200'000, 2'000'000}, {200'000, 2'000'000}, {1'000, 1'000}, {5'000'000, 50'000'000}, {100'000, 200'000'000}};
    static constexpr Range kServices[] = {
        {50'000, 3'000'000}, {50'000, 3'000'000}, {1'000, 20'000}, {100'000, 100'000'000}, {10'000'000, 40'000'000}};
    static constexpr int64_t kSessions[] = {6 * kSecond, 6 * kSecond, 3 * kSecond, 10 * kSecond};
    static constexpr int64_t kRestarts[] = {500 * kMillisecond, 500 * kMillisecond, 50 * kMillisecond, 5 * kSecond};
    Timing& timing = plan_.timing;
    const Range network = kNetworks[Below(kNetwork, std::size(kNetworks))];
    timing.latency_min_ns = network.min_ns;
    timing.latency_max_ns = network.max_ns;
    const Range service = kServices[Below(kService, std::size(kServices))];
    timing.service_min_ns = service.min_ns;
    timing.service_max_ns = service.max_ns;
    timing.session_timeout_ns = kSessions[Below(kSession, std::size(kSessions))];
    timing.heartbeat_ns = timing.session_timeout_ns / 6;
    timing.restart_ns = kRestarts[Below(kRestart, std::size(kRestarts))];
    static constexpr int64_t kLingers[] = {0, 0, 0, 0, 0, 5 * kMillisecond, 20 * kMillisecond, 100 * kMillisecond};
    if (plan_.semantics == Semantics::kLog) timing.linger_ns = kLingers[Below(kLinger, std::size(kLingers))];
  }

  uint32_t JobCount() const {
    const uint32_t most = static_cast<uint32_t>(std::min<uint64_t>(facts_.jobs_max, facts_.inputs.count));
    uint32_t count = 0;
    switch (Below(kJobCount, 8)) {
      case 0:
        count = static_cast<uint32_t>(random_.Below(kJobCount, {1}, 5) + 1);
        break;
      case 1:
      case 2:
        count = static_cast<uint32_t>(random_.Below(kJobCount, {1}, most) + 1);
        break;
      default:
        count = static_cast<uint32_t>(random_.Below(kJobCount, {1}, 36) + 5);
        break;
    }
    return std::min(count, most);
  }

  // All inputs of one key after the other, in a drawn order of keys, until there are enough.
  std::vector<uint32_t> InputsByKey(uint32_t count) const {
    std::map<uint32_t, std::vector<uint32_t>> of_key;
    const size_t known = std::min<uint64_t>(facts_.input_keys.size(), facts_.inputs.count);
    for (size_t i = 0; i < known; ++i) of_key[facts_.input_keys[i]].push_back(static_cast<uint32_t>(i));
    std::vector<std::pair<uint64_t, uint32_t>> order;
    for (const auto& [key, inputs] : of_key) order.emplace_back(random_.Bits(kJobKeys, {key}), key);
    std::sort(order.begin(), order.end());
    std::vector<uint32_t> chosen;
    for (const auto& [rank, key] : order) {
      for (const uint32_t input : of_key[key]) {
        if (chosen.size() < count) chosen.push_back(input);
      }
    }
    return chosen;
  }

  std::vector<uint32_t> Inputs() const {
    const uint32_t count = JobCount();
    const uint32_t bound = static_cast<uint32_t>(std::min<uint64_t>(facts_.inputs.count, UINT32_MAX));
    if (count == 0) return {};
    std::vector<uint32_t> chosen;
    switch (Below(kJobChoice, 3)) {
      case 0: {  // neighbours: feeds have what belongs together side by side
        const uint32_t first = static_cast<uint32_t>(random_.Below(kJobChoice, {1}, bound - count + 1));
        for (uint32_t i = 0; i < count; ++i) chosen.push_back(first + i);
        break;
      }
      case 1:
        chosen = InputsByKey(count);
        break;
      default:
        break;
    }
    if (chosen.empty()) chosen = Choose(random_, kJobChoice, count, bound);
    if (OneIn(kJobOrder, 2)) {
      std::sort(chosen.begin(), chosen.end());
    } else {
      std::sort(chosen.begin(), chosen.end(), [&](uint32_t a, uint32_t b) {
        return std::pair(random_.Bits(kJobOrder, {a}), a) < std::pair(random_.Bits(kJobOrder, {b}), b);
      });
    }
    return chosen;
  }

  void Arrivals(const std::vector<uint32_t>& inputs) {
    const uint64_t pattern = Below(kArrival, 4);
    // From 16 microseconds up to a second, each order of magnitude as likely, and not for ever.
    int64_t gap = int64_t{16'000} << Below(kGap, 17);
    // Now and then over several sessions: work still comes when a missing member has been given up, and when it is back.
    if (OneIn(kStretch, 3)) {
      const int64_t sessions = 1 + static_cast<int64_t>(random_.Below(kStretch, {1}, 3));
      gap = sessions * plan_.timing.session_timeout_ns / static_cast<int64_t>(std::max<size_t>(inputs.size(), 1));
    }
    gap = std::min(gap, kArrivalMax / static_cast<int64_t>(std::max<size_t>(inputs.size(), 1)));
    const uint32_t burst = static_cast<uint32_t>(2 + Below(kBurst, 15));
    int64_t at = 0;
    for (uint32_t i = 0; i < inputs.size(); ++i) {
      const uint32_t id = i + 1;
      if (i > 0 && pattern == 1) at += gap;                                                           // steady
      if (i > 0 && pattern == 2 && i % burst == 0) at += gap * burst;                                 // bursts
      if (i > 0 && pattern == 3) at += static_cast<int64_t>(random_.Below(kGap, {id}, 2 * gap + 1));  // ragged
      plan_.jobs.push_back({.id = id, .input = inputs[i], .at_ns = at});
    }
  }

  std::vector<const FaultType*> Kinds(const FaultScene& scene) const {
    std::vector<const FaultType*> possible;
    for (const FaultType* type : AllFaults()) {
      const bool allowed = facts_.faults.empty() ||
                           std::find(facts_.faults.begin(), facts_.faults.end(), type->name) != facts_.faults.end();
      if (allowed && type->applies(scene)) possible.push_back(type);
    }
    if (possible.empty()) return {};
    const FaultType* one = possible[Below(kFaultKinds, possible.size())];
    if (random_.Below(kFaultKinds, {1}, 6) == 0) return {one};
    std::vector<const FaultType*> enabled;
    for (const FaultType* type : possible) {
      if (random_.Below(kFaultKinds, {2, KindId(type->name)}, 2) == 0) enabled.push_back(type);
    }
    if (enabled.empty()) return {one};
    return enabled;
  }

  void Faults() {
    const FaultScene scene = SceneOf(plan_, facts_);
    const std::vector<const FaultType*> kinds = Kinds(scene);
    static constexpr uint32_t kCounts[] = {0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8};
    const uint32_t count = std::min(kCounts[Below(kFaultCount, std::size(kCounts))], facts_.faults_max);
    uint32_t id = 1;
    for (uint32_t i = 0; i < count && !kinds.empty(); ++i) {
      const FaultType* type = kinds[random_.Below(kFaultKind, {i}, kinds.size())];
      Fault fault = {.id = id, .kind = std::string(type->name)};
      FaultDraw draw(random_, id, scene);
      type->draw(draw, fault);
      for (const Fault& one : ExpandRolling(scene, fault)) plan_.faults.push_back(one);
      id = plan_.faults.back().id + 1;
    }
  }

  const Random random_;
  const DrawFacts& facts_;
  Plan plan_;
};

}  // namespace

std::vector<uint32_t> Choose(const Random& random, uint64_t purpose, uint32_t count, uint32_t bound) {
  MR_CHECK(count <= bound) << "cannot choose " << count << " of " << bound;
  // Floyd's: a set of the last `count` candidates, each replaced by an earlier one by chance.
  std::set<uint32_t> chosen;
  for (uint32_t last = bound - count; last < bound; ++last) {
    const uint32_t any = static_cast<uint32_t>(random.Below(purpose, {2, last}, uint64_t{last} + 1));
    if (!chosen.insert(any).second) chosen.insert(last);
  }
  return {chosen.begin(), chosen.end()};
}

FaultScene SceneOf(const Plan& plan, const DrawFacts& facts) {
  FaultScene scene = {.topology = facts.topology,
                      .semantics = plan.semantics,
                      .processes = SlotsOf(plan, facts.topology->stages.size()),
                      .timing = &plan.timing,
                      .new_version = facts.new_version};
  for (const Job& job : plan.jobs) scene.job_ids.push_back(job.id);
  // The feed, then each job through each stage, shared by the processes.
  const int64_t stages = static_cast<int64_t>(std::max<size_t>(facts.topology->stages.size(), 1));
  const int64_t jobs = static_cast<int64_t>(plan.jobs.size());
  const int64_t service = (plan.timing.service_min_ns + plan.timing.service_max_ns) / 2;
  scene.busy_ns = plan.jobs.empty() ? 0 : plan.jobs.back().at_ns;
  scene.busy_ns += stages * (4 * plan.timing.latency_max_ns + plan.timing.service_max_ns);
  scene.busy_ns += jobs * stages * service / static_cast<int64_t>(plan.processes);
  return scene;
}

Plan Draw(uint64_t seed, const DrawFacts& facts) { return Drawer(seed, facts).Take(); }

}  // namespace millrace::sim
