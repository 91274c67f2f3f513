// Several instances over one broker: who holds what, hand-overs, take-overs, split views.
#include <gtest/gtest.h>

#include <set>

#include "bus/memory/queue_client.h"
#include "bus/memory/queue_test_support.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

using queue_testing::Apply;
using queue_testing::CountingWaker;
using queue_testing::Got;
using queue_testing::Instance;
using queue_testing::LinkFaults;
using queue_testing::RecordingProducer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Bodies = std::vector<std::string>;

// A group of instances over one broker, moved on in steps of virtual time.
class Group {
 public:
  explicit Group(int32_t partitions, QueueBrokerOptions broker_options = {}) : broker(broker_options) {
    topology.topics = {{.name = "raw", .partitions = partitions, .groups = {"g"}}};
    EXPECT_TRUE(Apply(broker, topology).ok());
    topics = {QueueTopicOf(topology.topics[0])};
    producer = std::make_unique<QueueProducer>(topics, QueueProducerOptions{},
                                               std::make_unique<DirectLink>(broker, producer_waker), now);
    producer->Poll(producer_handler);
  }

  Instance& Start(const std::string& name, int32_t capacity = 0, LinkFaults beat_faults = {}) {
    ConsumerOptions options;
    options.group = "g";
    options.topics = {"raw"};
    options.instance = name;
    options.capacity = capacity;
    options.prefetch = prefetch;
    QueueConsumerOptions queue_options;
    queue_options.incarnation = ++incarnations;
    instances[name] = std::make_unique<Instance>(broker, options, topics, queue_options, now, std::move(beat_faults));
    return *instances[name];
  }
  void Crash(const std::string& name) { instances.erase(name); }

  // Everyone answers a revoke at once, unless `stubborn`.
  void Poll() {
    for (auto& [name, instance] : instances) {
      instance->Poll(now);
      if (stubborn) continue;
      for (const Holding& holding : std::exchange(instance->handler.revoking, {})) {
        instance->handler.held.erase(holding.partition);
        instance->consumer->Release(holding);
      }
    }
  }
  void Pass(Duration duration, Duration step = milliseconds(50)) {
    for (const MonotonicTime end = now + duration; now < end;) {
      now = now + step;
      broker.Tick(now);
      Poll();
    }
  }
  void Publish(int32_t partition, const std::string& body) {
    Outgoing out{.topic = 0, .partition = partition, .message = {}};
    out.message.body = body;
    producer->Advance(now);
    EXPECT_EQ(producer->Publish({&out, 1}, ++tokens), 1u);
    producer->Poll(producer_handler);
  }

  // How many instances have each partition, and how many partitions each instance has.
  std::vector<int> Holders() const {
    std::vector<int> holders(static_cast<size_t>(topics[0].partitions), 0);
    for (const auto& [name, instance] : instances) {
      for (const auto& [partition, epoch] : instance->handler.held) ++holders[static_cast<size_t>(partition.number)];
    }
    return holders;
  }
  std::map<std::string, size_t> Loads() const {
    std::map<std::string, size_t> loads;
    for (const auto& [name, instance] : instances) loads[name] = instance->handler.held.size();
    return loads;
  }
  void ExpectEachHeldOnce() const {
    EXPECT_EQ(Holders(), std::vector<int>(static_cast<size_t>(topics[0].partitions), 1));
    for (int32_t p = 0; p < topics[0].partitions; ++p) {
      EXPECT_EQ(broker.Stats(WorkQueueName(topics[0], "g", p)).consumers, 1u) << "only the owner subscribes, " << p;
    }
  }

  MonotonicTime now;
  QueueBroker broker;
  Topology topology;
  std::vector<QueueTopic> topics;
  uint32_t prefetch = 16;
  bool stubborn = false;
  uint64_t incarnations = 0;
  std::map<std::string, std::unique_ptr<Instance>> instances;
  CountingWaker producer_waker;
  RecordingProducer producer_handler;
  std::unique_ptr<QueueProducer> producer;
  uint64_t tokens = 0;
};

TEST(QueueShare, StartingTogetherNobodyIsRevoked) {
  Group group(8);
  for (const char* name : {"a", "b", "c", "d"}) group.Start(name);
  group.Pass(seconds(1));
  group.ExpectEachHeldOnce();
  EXPECT_EQ(group.Loads(), (std::map<std::string, size_t>{{"a", 2}, {"b", 2}, {"c", 2}, {"d", 2}}));
  for (const auto& [name, instance] : group.instances) EXPECT_EQ(instance->handler.log.size(), 2u) << name;
}

TEST(QueueShare, AJoinerGetsItsShareByHandOver) {
  Group group(6);
  group.Start("a");
  group.Pass(seconds(1));
  EXPECT_EQ(group.Loads()["a"], 6u);
  group.Start("b");
  group.Pass(seconds(1));
  group.ExpectEachHeldOnce();
  EXPECT_EQ(group.Loads(), (std::map<std::string, size_t>{{"a", 3}, {"b", 3}}));
}

TEST(QueueShare, MoreInstancesThanPartitionsLeaveSomeIdle) {
  Group group(2);
  for (const char* name : {"a", "b", "c"}) group.Start(name);
  group.Pass(seconds(1));
  group.ExpectEachHeldOnce();
  size_t idle = 0;
  for (const auto& [name, load] : group.Loads()) idle += load == 0;
  EXPECT_EQ(idle, 1u);
}

TEST(QueueShare, CapacityIsKeptAndOrphansAreReported) {
  Group group(6);
  group.Start("a", 2);
  group.Start("b", 2);
  group.Pass(seconds(1));
  EXPECT_EQ(group.Loads(), (std::map<std::string, size_t>{{"a", 2}, {"b", 2}}));
  EXPECT_EQ(group.instances["a"]->handler.troubles.back().code(), absl::StatusCode::kResourceExhausted);
  group.Start("c");
  group.Pass(seconds(1));
  group.ExpectEachHeldOnce();
  EXPECT_TRUE(group.instances["a"]->handler.troubles.back().ok());
}

TEST(QueueShare, HandOverWaitsForReleaseAndKeepsTheOrder) {
  Group group(1);
  group.stubborn = true;
  Instance& a = group.Start("a");
  group.Pass(seconds(1));
  for (int i = 1; i <= 6; ++i) group.Publish(0, std::to_string(i));
  group.Poll();
  EXPECT_EQ(a.handler.got.size(), 6u);
  // Whoever joins owns the one partition in half of all cases: look for such a name.
  Instance* b = nullptr;
  for (int i = 0; b == nullptr; ++i) {
    ASSERT_LT(i, 20);
    Instance& candidate = group.Start("b" + std::to_string(i));
    group.Pass(milliseconds(200));
    if (!a.handler.revoking.empty()) {
      b = &candidate;
    } else {
      EXPECT_TRUE(candidate.consumer->Close(group.now).ok());
      group.Crash("b" + std::to_string(i));
    }
  }
  const Holding holding = a.handler.revoking[0];
  EXPECT_EQ(a.handler.deadline - group.now > seconds(19), true);
  group.Publish(0, "7");
  group.Pass(seconds(2));
  EXPECT_EQ(a.handler.got.size(), 6u) << "nothing new while revoking";
  EXPECT_TRUE(b->handler.got.empty()) << "the lock is still ours";
  EXPECT_EQ(b->handler.held.size(), 1u);
  a.Settle(holding, 1, 4);
  EXPECT_EQ(group.broker.Stats("raw:g:0").acked, 4u) << "settling works until release";
  a.consumer->Release(holding);
  a.Settle(holding, 5, 6);
  EXPECT_EQ(group.broker.Stats("raw:g:0").acked, 4u) << "and not after";
  group.Pass(milliseconds(100));
  EXPECT_EQ(b->handler.Bodies(), (Bodies{"5", "6", "7"}));
  EXPECT_EQ(b->handler.got[0].redeliveries, 1u);
}

TEST(QueueShare, ADeadlineThatPassesLosesThePartition) {
  Group group(4);
  group.stubborn = true;
  Instance& a = group.Start("a");
  group.Pass(seconds(1));
  for (int i = 0; i < 4; ++i) group.Publish(i, std::to_string(i));
  group.Poll();
  Instance& b = group.Start("b");
  group.Pass(seconds(1));
  ASSERT_EQ(a.handler.revoking.size(), 2u);
  const Holding holding = a.handler.revoking[0];
  EXPECT_TRUE(b.handler.got.empty());
  group.Pass(seconds(20));
  EXPECT_TRUE(a.handler.revoking.empty());
  EXPECT_EQ(a.handler.log.back().substr(0, 4), "lost");
  a.Settle(holding, 1, 1);
  EXPECT_EQ(group.broker.Stats(WorkQueueName(group.topics[0], "g", holding.partition.number)).acked, 0u);
  EXPECT_EQ(b.handler.got.size(), 2u);
  group.ExpectEachHeldOnce();
}

TEST(QueueShare, ACrashIsTakenOverWithinSeconds) {
  Group group(6);
  group.Start("a");
  group.Start("b");
  group.Pass(seconds(1));
  for (int32_t p = 0; p < 6; ++p) group.Publish(p, std::to_string(p));
  group.Poll();
  const size_t before = group.instances["b"]->handler.got.size();
  EXPECT_EQ(before, 3u);
  group.Crash("a");
  const MonotonicTime crashed = group.now;
  while (group.Loads()["b"] < 6 && group.now - crashed < seconds(60)) group.Pass(milliseconds(50));
  EXPECT_LT(group.now - crashed, seconds(6));
  group.ExpectEachHeldOnce();
  group.Poll();
  std::set<std::string> seen;
  for (const Got& got : group.instances["b"]->handler.got) seen.insert(got.body);
  EXPECT_EQ(seen.size(), 6u);
}

TEST(QueueShare, ACleanLeaveIsTakenOverAtOnce) {
  Group group(6);
  group.Start("a");
  group.Start("b");
  group.Pass(seconds(1));
  EXPECT_TRUE(group.instances["a"]->consumer->Close(group.now).ok());
  group.Crash("a");
  group.Pass(milliseconds(50));
  EXPECT_EQ(group.Loads()["b"], 6u);
}

TEST(QueueShare, ARestartUnderTheSameNameGetsTheSamePartitions) {
  Group group(12);
  for (const char* name : {"a", "b", "c"}) group.Start(name);
  group.Pass(seconds(1));
  const auto before = group.instances["b"]->handler.held;
  group.Crash("b");
  group.Start("b");
  group.Pass(seconds(1));
  group.ExpectEachHeldOnce();
  std::set<int32_t> was, is;
  for (const auto& [partition, epoch] : before) was.insert(partition.number);
  for (const auto& [partition, epoch] : group.instances["b"]->handler.held) is.insert(partition.number);
  EXPECT_EQ(was, is);
}

TEST(QueueShare, APartitionGivenUpGoesToSomebodyElse) {
  Group group(4);
  group.Start("a");
  group.Start("b");
  group.Pass(seconds(1));
  Instance& a = *group.instances["a"];
  const Holding given = {a.handler.held.begin()->first, a.handler.held.begin()->second};
  a.consumer->Release(given);
  a.handler.held.erase(given.partition);
  group.Pass(seconds(1));
  group.ExpectEachHeldOnce();
  EXPECT_EQ(group.instances["b"]->handler.held.count(given.partition), 1u);
}

// Blind to each other, everyone subscribes to everything: the broker's lock leaves one feed per partition, the others
// are idle.
TEST(QueueShare, SplitViewsCostIdlenessNeverTwoFeeds) {
  Group group(4);
  for (const std::string name : {"a", "b", "c"}) {
    group.Start(name, 0, {.event_filter = [name](const Event& event) {
                  return event.kind != EventKind::kDelivered || DecodeBeat(*event.message.body)->name == name;
                }});
  }
  group.Pass(seconds(10));
  for (int i = 0; i < 40; ++i) {
    group.Publish(i % 4, std::to_string(i));
    group.Pass(milliseconds(50));
  }
  std::map<std::string, int> times;
  std::map<int32_t, std::set<std::string>> feeds;
  for (const auto& [name, instance] : group.instances) {
    EXPECT_EQ(instance->handler.held.size(), 4u);
    for (const Got& got : instance->handler.got) {
      ++times[got.body];
      feeds[got.holding.partition.number].insert(name);
    }
  }
  EXPECT_EQ(times.size(), 40u);
  for (const auto& [body, count] : times) EXPECT_EQ(count, 1) << body;
  for (const auto& [partition, names] : feeds) EXPECT_EQ(names.size(), 1u) << partition;
  // Hearing each other again, all but one let go.
  for (auto& [name, instance] : group.instances) {
    instance->beat_faults.event_filter = nullptr;
    instance->SettleEverything();
  }
  group.Pass(seconds(10));
  group.ExpectEachHeldOnce();
}

TEST(QueueShare, AnAlarmMovesNothing) {
  Group group(6);
  for (const char* name : {"a", "b", "c"}) group.Start(name);
  group.Pass(seconds(2));
  group.broker.SetAlarm(true, group.now);
  group.Pass(seconds(60));
  group.broker.SetAlarm(false, group.now);
  group.Pass(seconds(10));
  group.ExpectEachHeldOnce();
  for (const auto& [name, instance] : group.instances) EXPECT_EQ(instance->handler.log.size(), 2u) << name;
}

TEST(QueueShare, ABrokerRestartBringsEveryoneBack) {
  Group group(6);
  for (const char* name : {"a", "b", "c"}) group.Start(name);
  group.Pass(seconds(2));
  group.broker.Stop(group.now);
  group.Pass(seconds(30));
  EXPECT_EQ(group.Holders(), std::vector<int>(6, 0));
  group.broker.Start(group.now);
  group.Pass(seconds(20));
  group.ExpectEachHeldOnce();
}

TEST(QueueShare, InstancesWithOtherTopicsShareWhatTheyHaveInCommon) {
  Group group(4);
  const Topology second{.topics = {{.name = "more", .partitions = 4, .groups = {"g"}}}};
  ASSERT_TRUE(Apply(group.broker, second).ok());
  group.Start("a");
  const std::vector<QueueTopic> both = {group.topics[0], QueueTopicOf(second.topics[0])};
  ConsumerOptions options;
  options.group = "g";
  options.instance = "b";
  group.instances["b"] = std::make_unique<Instance>(group.broker, options, both, QueueConsumerOptions{}, group.now);
  group.Pass(seconds(2));
  int raw = 0, more = 0;
  for (const auto& [name, instance] : group.instances) {
    for (const auto& [partition, epoch] : instance->handler.held) ++(partition.topic == 0 ? raw : more);
  }
  EXPECT_EQ(raw, 4);
  EXPECT_EQ(more, 4);
}

// ---------------------------------------------------------------- random schedules

// Instances come, crash, leave, go deaf and mute, the broker restarts, channels are closed: no message is lost, no
// partition has two feeds at a time, each holder's messages are in order, and in the end everything is settled.
class QueueShareRandom : public ::testing::TestWithParam<uint64_t> {};

TEST_P(QueueShareRandom, OneFeedInOrderNothingLost) {
  const Random random(GetParam());
  Group group(4, {.confirms = ConfirmStyle::kScattered, .salt = GetParam()});
  group.prefetch = 1 + static_cast<uint32_t>(random.Below(1, {}, 12));
  using Feed = std::pair<std::string, Epoch>;   // an instance and its holding
  std::map<int32_t, Feed> feed;                 // who was fed last
  std::map<Feed, std::set<Feed>> fed_since;     // after a holding was fed: which others were
  std::vector<std::pair<Feed, Feed>> suspects;  // fed again, though the second was fed in between
  std::set<Feed> lost;
  std::map<int32_t, int> highest;  // of each partition
  std::set<int> seen, settled;
  int last = 0, births = 0;
  const auto watch = [&](const std::string& name) {
    Instance& instance = *group.instances[name];
    const std::string who = name + "#" + std::to_string(births++);
    instance.handler.on_lost = [&lost, who](Holding holding) { lost.insert({who, holding.epoch}); };
    auto previous = std::make_shared<std::map<std::pair<int32_t, Epoch>, int>>();
    instance.handler.on_batch = [&, who, previous, at = &instance](const DeliveryBatch& batch) {
      const int32_t p = batch.holding.partition.number;
      const Feed me{who, batch.holding.epoch};
      const auto before = feed.find(p);
      if (before != feed.end() && before->second != me) fed_since[before->second].insert(me);
      for (const Feed& other : fed_since[me]) suspects.emplace_back(me, other);
      feed[p] = me;
      for (const Delivery& d : batch.deliveries) {
        const int number = std::stoi(std::string(*d.message.body));
        int& mine = (*previous)[{p, batch.holding.epoch}];
        EXPECT_GT(number, mine) << "order within a holding";
        mine = number;
        // Suffixes are redone; first occurrences are in order.
        if (seen.insert(number).second) {
          EXPECT_GT(number, highest[p]) << "first occurrences in order";
        }
        highest[p] = std::max(highest[p], number);
        // Some are settled at once, some later, some never: they come back.
        if (random.Below(20, {d.sequence, batch.holding.epoch}, 3) != 0) {
          at->Settle(batch.holding, d.sequence, d.sequence);
          settled.insert(number);
        }
      }
    };
  };
  const auto name_of = [](uint64_t i) { return std::string(1, static_cast<char>('a' + i)); };
  for (uint64_t step = 0; step < 400; ++step) {
    const std::string name = name_of(random.Below(2, {step}, 4));
    const bool alive = group.instances.count(name) != 0;
    switch (random.Below(3, {step}, 14)) {
      case 0:
      case 1:
        if (!alive) {
          group.Start(name);
          watch(name);
        }
        break;
      case 2:
        if (alive) group.Crash(name);
        break;
      case 3:
        if (alive) {
          group.instances[name]->consumer->Advance(group.now);
          group.instances[name]->consumer->Close(group.now).IgnoreError();
          group.Crash(name);
        }
        break;
      case 4:
        if (alive) group.instances[name]->beat_faults.mute = random.Below(4, {step}, 2) == 0;
        break;
      case 5:
        if (alive) group.instances[name]->beat_faults.deaf = random.Below(5, {step}, 2) == 0;
        break;
      case 6:
        if (random.Below(6, {step}, 4) == 0) {
          group.broker.Stop(group.now);
          group.broker.Start(group.now);
        }
        break;
      case 7:
        for (const ConnectionId id : group.broker.Connections()) {
          group.broker.CloseChannel(id, static_cast<uint32_t>(1 + random.Below(7, {step, id}, 4)), kPreconditionFailed,
                                    "because", group.now);
        }
        break;
      default:
        for (uint64_t i = random.Below(8, {step}, 12); i-- > 0;) {
          const auto p = static_cast<int32_t>(random.Below(9, {step, i}, 4));
          Outgoing out{.topic = 0, .partition = p, .message = {}};
          const std::string body = std::to_string(++last);
          out.message.body = body;
          group.producer->Advance(group.now);
          group.producer->Publish({&out, 1}, static_cast<uint64_t>(last));
        }
    }
    group.producer->Advance(group.now);
    group.producer->Poll(group.producer_handler);
    group.Pass(milliseconds(static_cast<int64_t>(random.Below(10, {step}, 800))), milliseconds(100));
  }
  // What was under way to an instance when it lost the partition is told it, just before the loss is. Nothing else may
  // come from two sides.
  for (const auto& [fed, other] : suspects) {
    EXPECT_TRUE(lost.count(fed) != 0 || lost.count(other) != 0)
        << fed.first << " under epoch " << fed.second << " was fed again after " << other.first << " had been";
  }
  // All is well again, and one instance is there at least: everything must get done.
  for (auto& [name, instance] : group.instances) instance->beat_faults.mute = instance->beat_faults.deaf = false;
  group.Start("z");
  for (auto& [name, instance] : group.instances) {
    instance->handler.on_batch = [&settled, at = instance.get()](const DeliveryBatch& batch) {
      for (const Delivery& d : batch.deliveries) settled.insert(std::stoi(std::string(*d.message.body)));
      at->Settle(batch.holding, batch.deliveries.front().sequence, batch.deliveries.back().sequence);
    };
  }
  // What was left unsettled in hand comes back when its holder lets go.
  for (auto& [name, instance] : group.instances) {
    if (name != "z") instance->consumer->Close(group.now).IgnoreError();
  }
  std::erase_if(group.instances, [](const auto& entry) { return entry.first != "z"; });
  group.Pass(seconds(30), milliseconds(100));
  group.ExpectEachHeldOnce();
  for (const auto& [token, statuses] : group.producer_handler.answers) {
    EXPECT_EQ(statuses.size(), 1u);
    if (statuses[0].ok()) {
      EXPECT_EQ(settled.count(static_cast<int>(token)), 1u) << token << " was lost";
    }
  }
  for (int32_t p = 0; p < 4; ++p) {
    const QueueStats stats = group.broker.Stats(WorkQueueName(group.topics[0], "g", p));
    EXPECT_EQ(stats.ready + stats.unacked, 0u) << group.instances["z"]->consumer->Pending();
    EXPECT_EQ(stats.dropped, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, QueueShareRandom, ::testing::Range<uint64_t>(1, 41));

}  // namespace
}  // namespace millrace::bus
