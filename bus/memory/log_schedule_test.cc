// Generated schedules over the log client and broker, links with delays in between: members join, leave, crash, pause,
// settle in part, give up partitions; connections break, the broker restarts, the coordinator goes away; records come,
// with gaps. What must hold, for every schedule:
//   * no two live members hold a partition at once, unless the group has already thrown one of them out and it cannot
//   know yet;
//   * within a holding offsets ascend, and a holding starts at or below what is settled, never above what somebody has
//   settled or started with;
//   * the broker's committed offset is never above what some member settled;
//   * once faults end, everything is delivered and settled, and the group is stable.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/consumer.h"
#include "bus/memory/log_client.h"
#include "bus/memory/log_test_support.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using log_testing::CountingWaker;
using log_testing::SlowLink;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int32_t kPartitions = 4;

struct World;

// Behind the front that checks the contract, so each driver error ends the test.
class Instance : public ConsumerHandler {
 public:
  Instance(World& world, uint64_t number, bool cooperative, std::string static_id);
  ~Instance() override = default;

  void OnAssigned(std::span<const Assignment> assignments) override;
  void OnRevoking(std::span<const Holding> holdings, MonotonicTime) override {
    for (const Holding& h : holdings) revoking.push_back(h);
  }
  void OnLost(std::span<const Holding> holdings) override {
    for (const Holding& h : holdings) {
      std::erase(revoking, h);
      delivered.erase(h.partition);
    }
  }
  void OnDelivered(const DeliveryBatch& batch) override;
  void OnNoted(Holding, const absl::Status&) override { ++notes_answered; }
  void OnTrouble(const absl::Status& status) override {
    EXPECT_FALSE(absl::IsDataLoss(status)) << status;
    EXPECT_FALSE(absl::IsFailedPrecondition(status)) << status;
  }
  void Poll();
  // Settles a prefix of what was delivered in one partition.
  void SettleSome(uint64_t which, uint64_t share, bool note);
  void ReleaseRevoking();

  World& world;
  uint64_t number;
  CountingWaker waker;
  SlowLink* link;       // owned by the driver
  LogConsumer* driver;  // owned by the front
  std::unique_ptr<Consumer> consumer;
  bool paused = false;
  std::vector<Holding> revoking;
  struct Progress {
    Holding holding;
    std::vector<int64_t> offsets;  // delivered and not settled
    int64_t settled = 0;
  };
  std::map<Partition, Progress> delivered;
  uint64_t notes_sent = 0, notes_answered = 0;
};

struct World {
  explicit World(uint64_t s) : seed(s), random(s) {
    topic = *broker.CreateTopic({.name = "t", .partitions = kPartitions, .groups = {"g"}, .keep = true});
    cooperative = random.Below(90, {}, 2) == 0;
    statics = random.Below(91, {}, 4) == 0;
  }
  uint64_t Draw(uint64_t purpose, uint64_t bound) { return random.Below(purpose, {++draws}, bound); }

  void Append() {
    const int32_t p = static_cast<int32_t>(Draw(1, kPartitions));
    if (Draw(2, 10) == 0) {
      broker.AppendGap({topic, p}, 1 + static_cast<int64_t>(Draw(3, 3)));
    } else {
      broker.Append({topic, p}, {.body = "x"});
    }
  }
  void Start() {
    if (instances.size() >= 4) return;
    // The least static id that is free: whoever comes after a crash is taken for the one before.
    std::string static_id;
    for (int i = 0; statics && static_id.empty(); ++i) {
      static_id = "s" + std::to_string(i);
      for (const auto& other : instances) {
        if (other->driver->membership().static_id() == static_id) static_id.clear();
      }
    }
    ++started;
    instances.push_back(std::make_unique<Instance>(*this, started, cooperative, static_id));
  }
  // Between what was settled and `offset` there is nothing but gaps.
  void CheckSettled(int32_t p, int64_t offset, const char* what) {
    const LogPartition& partition = broker.Log({topic, p});
    EXPECT_EQ(partition.RecordsBefore(std::max(offset, settled_most[p])), partition.RecordsBefore(settled_most[p]))
        << "seed " << seed << ": " << what << " at " << offset << " in " << p << ", settled up to " << settled_most[p];
  }
  void CheckOwners() {
    // Members whom the broker counts in and who are not paused: they are to hold disjoint partitions.
    std::map<Partition, uint64_t> owner;
    const LogGroup* group = broker.Group("g");
    const std::vector<std::string> members = group == nullptr ? std::vector<std::string>{} : group->Members();
    for (const auto& instance : instances) {
      const std::string& id = instance->driver->membership().member();
      if (std::find(members.begin(), members.end(), id) == members.end()) continue;
      for (const Holding& h : instance->consumer->holdings()) {
        EXPECT_TRUE(owner.emplace(h.partition, instance->number).second)
            << "seed " << seed << ": " << owner[h.partition] << " and " << instance->number << " both hold "
            << h.partition.number;
      }
    }
    for (int32_t p = 0; p < kPartitions; ++p) {
      if (group != nullptr) CheckSettled(p, group->CommittedOf({topic, p}).offset, "committed");
    }
  }
  void Round(bool faults);

  uint64_t seed;
  Random random;
  uint64_t draws = 0;
  MonotonicTime now{1'000'000'000};
  LogBroker broker{{}};
  int32_t topic;
  bool cooperative, statics;
  uint64_t started = 0;
  std::vector<std::unique_ptr<Instance>> instances;
  std::map<int32_t, int64_t> settled_most;  // highest `next` ever settled
  std::map<int32_t, std::set<int64_t>> seen;
};

Instance::Instance(World& w, uint64_t n, bool cooperative, std::string static_id) : world(w), number(n) {
  auto slow = std::make_unique<SlowLink>(w.broker, waker);
  link = slow.get();
  ConsumerOptions options{
      .group = "g", .topics = {"t"}, .instance = std::to_string(n), .static_id = std::move(static_id), .batch_max = 3};
  options.cooperative = cooperative;
  options.session_timeout = seconds(10);
  options.heartbeat_interval = seconds(1);
  options.revoke_timeout = seconds(5);
  LogConsumerOptions log;
  log.rebalance_timeout = seconds(20);
  log.away_time = seconds(3);
  auto made = std::make_unique<LogConsumer>(options, log, std::move(slow), w.now);
  driver = made.get();
  Capabilities capabilities;
  capabilities.notes = true;
  consumer = std::make_unique<Consumer>(std::move(made), capabilities);
}

void Instance::OnAssigned(std::span<const Assignment> assignments) {
  for (const Assignment& a : assignments) {
    const int32_t p = a.holding.partition.number;
    world.CheckSettled(p, static_cast<int64_t>(a.start), "starts");
    delivered[a.holding.partition] = {a.holding, {}, static_cast<int64_t>(a.start)};
  }
}

void Instance::OnDelivered(const DeliveryBatch& batch) {
  Progress& progress = delivered[batch.holding.partition];
  EXPECT_EQ(progress.holding, batch.holding);
  for (const Delivery& d : batch.deliveries) {
    progress.offsets.push_back(d.offset);
    world.seen[batch.holding.partition.number].insert(d.offset);
  }
}

void Instance::Poll() {
  driver->Advance(world.now);
  consumer->Poll(*this);
}

void Instance::SettleSome(uint64_t which, uint64_t share, bool note) {
  if (delivered.empty()) return;
  auto at = delivered.begin();
  std::advance(at, static_cast<ptrdiff_t>(which % delivered.size()));
  Progress& progress = at->second;
  if (!consumer->Holds(progress.holding)) return;
  const size_t count = progress.offsets.size() * share / 4;
  if (count == 0 && !note) return;
  if (count > 0) progress.settled = progress.offsets[count - 1] + 1;
  progress.offsets.erase(progress.offsets.begin(), progress.offsets.begin() + static_cast<ptrdiff_t>(count));
  int64_t& most = world.settled_most[at->first.number];
  most = std::max(most, progress.settled);
  const absl::Status status = consumer->Settle({.holding = progress.holding,
                                                .ranges = {},
                                                .next = static_cast<uint64_t>(progress.settled),
                                                .has_note = note,
                                                .note = "n"});
  EXPECT_TRUE(status.ok()) << status;
  notes_sent += note;
}

void Instance::ReleaseRevoking() {
  for (const Holding& h : std::exchange(revoking, {})) {
    delivered.erase(h.partition);
    EXPECT_TRUE(consumer->Release(h).ok());
  }
}

void World::Round(bool faults) {
  now = now + milliseconds(static_cast<int64_t>(50 + Draw(10, faults ? 600 : 150)));
  broker.Advance(now);
  if (faults && Draw(11, 3) == 0) Append();
  if (faults) {
    const uint64_t what = Draw(12, 60);
    if (what < 5) Start();
    Instance* one = instances.empty() ? nullptr : instances[Draw(13, instances.size())].get();
    const auto gone = [&] { std::erase_if(instances, [&](const auto& i) { return i.get() == one; }); };
    if (one != nullptr && what == 5) gone();  // crashes
    if (one != nullptr && what == 6) {
      one->consumer->Close(now).IgnoreError();
      gone();
    }
    if (one != nullptr && what == 7) one->paused = true;
    if (one != nullptr && what >= 8 && what < 10) one->paused = false;
    if (one != nullptr && what == 10) one->link->Cut(now);
    if (what == 11) {
      broker.Stop();
      broker.Start(now);
    }
    if (what == 12) broker.SetCoordinator(false, now);
    if (what >= 13 && what < 17) broker.SetCoordinator(true, now);
    if (one != nullptr && what == 17 && !one->paused && !one->consumer->holdings().empty()) {
      const Holding h = one->consumer->holdings().front();
      std::erase(one->revoking, h);
      one->delivered.erase(h.partition);
      EXPECT_TRUE(one->consumer->Release(h).ok());
    }
  }
  for (const auto& instance : instances) {
    if (instance->paused) continue;
    instance->link->Pass(faults ? Draw(20, 4) : 100, now);
    instance->Poll();
    if (!faults || Draw(21, 2) == 0) instance->SettleSome(Draw(22, 100), faults ? Draw(23, 5) : 4, Draw(24, 8) == 0);
    if (!faults) {
      for (uint64_t p = 0; p < kPartitions; ++p) instance->SettleSome(p, 4, false);
    }
    if (!faults || Draw(25, 3) == 0) instance->ReleaseRevoking();
  }
  CheckOwners();
}

TEST(LogScheduleTest, NothingIsLostWhateverHappens) {
  uint64_t redelivered = 0, rebalances = 0;
  for (uint64_t seed = 1; seed <= 500 && !::testing::Test::HasFailure(); ++seed) {
    World world(seed);
    world.Start();
    for (int round = 0; round < 400; ++round) world.Round(true);
    world.broker.SetCoordinator(true, world.now);
    for (const auto& instance : world.instances) instance->paused = false;
    if (world.instances.empty()) world.Start();
    bool done = false;
    for (int round = 0; round < 1500 && !done; ++round) {
      world.Round(false);
      done = world.broker.Group("g")->state() == LogGroup::State::kStable;
      for (int32_t p = 0; p < kPartitions; ++p) {
        const LogPartition& log = world.broker.Log({world.topic, p});
        done = done && (log.records() == 0 || world.broker.SettledUpTo("g", {world.topic, p}) == log.end());
        done = done && world.seen[p].size() == log.records();
      }
    }
    std::string pending;
    if (!done) {
      const LogGroup* group = world.broker.Group("g");
      pending += " group state " + std::to_string(static_cast<int>(group->state())) + ", generation " +
                 std::to_string(group->generation()) + ", next timer in " +
                 std::to_string((group->NextTimer().ns - world.now.ns) / 1'000'000) + " ms, broker's in " +
                 std::to_string((world.broker.NextTimer().ns - world.now.ns) / 1'000'000) + " ms, members";
      for (const std::string& id : group->Members()) pending += " " + id;
      for (int32_t p = 0; p < kPartitions; ++p) {
        const LogPartition& log = world.broker.Log({world.topic, p});
        pending += "\n  partition " + std::to_string(p) + ": committed " +
                   std::to_string(group->CommittedOf({world.topic, p}).offset) + ", settled " +
                   std::to_string(world.settled_most[p]) + ", end " + std::to_string(log.end()) + ", seen " +
                   std::to_string(world.seen[p].size()) + " of " + std::to_string(log.records()) + ", held by";
        for (const auto& instance : world.instances) {
          for (const Holding& h : instance->consumer->holdings()) {
            if (h.partition.number == p) pending += " " + std::to_string(instance->number);
          }
        }
      }
    }
    for (const auto& instance : world.instances)
      pending += "\n  " + std::to_string(instance->number) + " (" + instance->driver->membership().member() +
                 "): " + instance->driver->Pending();
    EXPECT_TRUE(done) << "seed " << seed << ": not quiescent:" << pending;
    // A note may wait for a rebalance under way.
    for (int i = 0; i < 200; ++i) {
      world.now = world.now + milliseconds(50);
      world.broker.Advance(world.now);
      for (const auto& instance : world.instances) {
        instance->Poll();
        instance->link->Pass(100, world.now);
        instance->ReleaseRevoking();
      }
    }
    for (const auto& instance : world.instances) {
      EXPECT_EQ(instance->notes_sent, instance->notes_answered) << "seed " << seed;
    }
    rebalances += static_cast<uint64_t>(world.broker.Group("g")->generation());
    redelivered += world.started;
  }
  EXPECT_GT(rebalances, 1000u) << "the schedules are tame";
  EXPECT_GT(redelivered, 300u);
}

}  // namespace
}  // namespace millrace::bus
