// The threaded runtime on the embedded bus, in both semantics: what it does is what the pure worker would do, and
// stopping it half-way loses nothing.
#include "stages/instance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "bus/envelope.h"
#include "bus/memory/memory_bus.h"
#include "stages/recording.h"

namespace millrace::stages {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RealClock : public Clock {
 public:
  MonotonicTime Now() const override { return {std::chrono::steady_clock::now().time_since_epoch().count()}; }
  WallTime Wall() const override { return {std::chrono::system_clock::now().time_since_epoch().count()}; }
};

class MemorySpool : public Spool {
 public:
  absl::Status Keep(std::string_view, std::string_view) override { return absl::OkStatus(); }
};

class EchoStage : public Stage {
 public:
  absl::Status Process(Context&, const bus::Message& message, Outputs& outputs) override {
    return outputs.Emit({.to = {}, .body = message.body});
  }
};

// Fails each fifth message once, throws at each seventh once, and refuses "bad".
class MoodyStage : public Stage {
 public:
  absl::Status Process(Context& context, const bus::Message& message, Outputs& outputs) override {
    const std::string body(message.body.value_or(""));
    if (body == "bad") return absl::InvalidArgumentError("bad");
    const int n = std::stoi(body);
    if (n % 5 == 0 && context.attempt() == 1) return absl::InternalError("fifth");
    if (n % 7 == 0 && context.attempt() == 1) throw std::runtime_error("seventh");
    return outputs.Emit({.to = {}, .body = message.body});
  }
};

// Takes 10 ms for a message, and for "slow" until it is told to stop: without that, two seconds.
class SlowStage : public Stage {
 public:
  explicit SlowStage(const Clock* clock) : clock_(*clock) {}
  absl::Status Process(Context& context, const bus::Message& message, Outputs& outputs) override {
    const bool slow = *message.body == "slow";
    const MonotonicTime until = clock_.Now() + (slow ? milliseconds(2000) : milliseconds(10));
    while (clock_.Now() < until && !context.cancelled()) std::this_thread::yield();
    return outputs.Emit({.to = {}, .body = message.body});
  }

 private:
  const Clock& clock_;
};

// The same in batches: one slow message holds up all that came with it.
class SlowBatchStage : public BatchStage {
 public:
  explicit SlowBatchStage(const Clock* clock) : clock_(*clock) {}
  void Process(std::span<BatchItem> batch) override {
    const bool slow =
        std::any_of(batch.begin(), batch.end(), [](const BatchItem& i) { return *i.message.body == "slow"; });
    const MonotonicTime until = clock_.Now() + (slow ? milliseconds(2000) : milliseconds(10));
    while (clock_.Now() < until && !batch.front().context.cancelled()) std::this_thread::yield();
    for (BatchItem& item : batch) item.status = item.outputs.Emit({.to = {}, .body = item.message.body});
  }

 private:
  const Clock& clock_;
};

// Does not return from "hang" before it is let go, whatever it is told.
class HangingStage : public Stage {
 public:
  explicit HangingStage(const std::atomic<bool>* let_go) : let_go_(*let_go) {}
  absl::Status Process(Context&, const bus::Message& message, Outputs& outputs) override {
    while (*message.body == "hang" && !let_go_) std::this_thread::yield();
    return outputs.Emit({.to = {}, .body = message.body});
  }

 private:
  const std::atomic<bool>& let_go_;
};

class NoTalk : public bus::ProducerHandler {
 public:
  void OnConfirmed(const bus::Confirm& confirm) override {
    EXPECT_TRUE(confirm.status.ok()) << confirm.status;
    confirmed += confirm.count;
  }
  void OnWritable() override {}
  size_t confirmed = 0;
};

constexpr std::string_view kOnce = " exactly once";

class InstanceTest : public testing::TestWithParam<const char*> {
 protected:
  InstanceTest() : pool_(64 << 10) {
    const std::string parameter = GetParam();
    exactly_once_ = parameter.ends_with(kOnce);
    bus_ = *bus::OpenMemoryBus(parameter.substr(0, parameter.find(' ')), clock_);
    bus::Topology topology;
    topology.topics = {{.name = "in", .partitions = 4, .ordered = true, .groups = {"stage"}},
                       {.name = "out", .partitions = 4, .ordered = true, .groups = {"reader"}},
                       {.name = "dead", .partitions = 1, .ordered = true, .groups = {"undertaker"}}};
    EXPECT_TRUE(bus_->Apply(topology).ok());
  }

  InstanceConfig Config(const std::string& name, size_t threads) {
    InstanceConfig config;
    config.worker.stage = "moody";
    config.worker.inputs = {"in"};
    config.worker.topic_partitions = {4, 1};
    config.worker.dead_letter = {.name = "dead", .topic = 1, .partitions = 1};
    config.worker.concurrency = static_cast<uint32_t>(std::max<size_t>(threads, 1));
    config.worker.batch = 8;
    config.worker.window_messages = 64;
    config.worker.retry.backoff_initial = std::chrono::milliseconds(1);
    config.worker.exactly_once = exactly_once_;
    config.consumer.group = "stage";
    config.consumer.topics = {"in"};
    config.consumer.instance = name;
    config.producer = {.name = name, .topics = {"out", "dead"}};
    config.spool = &spool_;
    config.make_executor = [this, threads](AttemptReporter* reporter) {
      AttemptRunner::Config runner;
      runner.outputs.stage = "moody";
      runner.outputs.source = "/test/moody";
      runner.outputs.outputs = {{.name = "out", .topic = 0, .partitions = 4}};
      runner.inputs = {"in"};
      std::vector<std::unique_ptr<AttemptRunner>> runners;
      for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
        runners.push_back(std::make_unique<AttemptRunner>(runner, make_batch ? nullptr : make_single(),
                                                          make_batch ? make_batch() : nullptr, &pool_, &clock_));
      }
      return threads == 0 ? MakeInlineExecutor(std::move(runners[0]), reporter)
                          : MakeThreadExecutor(std::move(runners), reporter, &clock_);
    };
    return config;
  }

  void Publish(int count) {
    PublishEach(count, 11, [](int i) { return i % 50 == 49 ? "bad" : std::to_string(i); });
  }

  // Message i has one of `keys` keys, in turn, and body_of(i) as its body.
  void PublishEach(int count, int keys, const std::function<std::string(int)>& body_of) {
    Mailbox waker;
    bus::Producer producer(*bus_->OpenProducer({.name = "feed", .topics = {"in"}}, waker));
    NoTalk handler;
    for (int i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(i % keys);
      const std::string body = body_of(i);
      bus::HeaderBuilder headers;
      headers.Add("ce_id", "job-" + std::to_string(i));
      const bus::Outgoing out{.topic = 0,
                              .partition = bus::PartitionOfKey(key, 4),
                              .message = {.key = key, .body = body, .headers = headers.View(), .timestamp_ms = 1}};
      ASSERT_EQ(producer.Publish(std::span(&out, 1)).count, 1u);
    }
    ASSERT_TRUE(producer.Close(handler, clock_.Now() + seconds(10)).ok());
    ASSERT_EQ(handler.confirmed, static_cast<size_t>(count));
  }

  // Reads until `jobs` different jobs have come out of the topic, or time is up; each body by the key of its message,
  // in order.
  std::map<std::string, std::vector<std::string>> Read(const std::string& topic, const std::string& group,
                                                       size_t jobs) {
    std::map<std::string, std::vector<std::string>> found;
    std::set<std::string> roots;
    Mailbox waker;
    bus::ConsumerOptions options;
    options.group = group;
    options.topics = {topic};
    options.instance = group;
    bus::Consumer consumer(*bus_->OpenConsumer(options, waker), bus_->capabilities());
    const MonotonicTime until = clock_.Now() + seconds(60);
    std::vector<AttemptReport> none;
    while (roots.size() < jobs && clock_.Now() < until) {
      waker.Take(&none);
      consumer
          .PollEach([&](const bus::DeliveryBatch& batch) {
            for (const bus::Delivery& d : batch.deliveries) {
              found[std::string(*d.message.key)].emplace_back(*d.message.body);
              if (topic == "dead") reasons.insert(std::string(d.message.headers.Find("mr_dead_reason").value_or("?")));
              roots.emplace(bus::ReadEnvelope(d.message.headers).root);
            }
            consumer.SettleAll(batch).IgnoreError();
          })
          .IgnoreError();
      if (roots.size() < jobs)
        waker.Wait(std::min({consumer.NextTimer(), until, clock_.Now() + std::chrono::milliseconds(20)}), clock_);
    }
    EXPECT_EQ(roots.size(), jobs) << "jobs on " << topic;
    EXPECT_TRUE(consumer.Close(clock_.Now() + seconds(10)).ok());
    return found;
  }

  int64_t LagOf(const std::string& group, const std::string& topic) {
    int64_t lag = 0;
    const auto partitions = bus_->Lag(group, topic);
    EXPECT_TRUE(partitions.ok()) << partitions.status();
    if (partitions.ok()) {
      for (const bus::PartitionLag& p : *partitions) lag += p.lag;
    }
    return lag;
  }

  // Publishes 40 messages, every eighth of them slow, and works them off with a limit of 200 ms: only the slow ones are
  // dead letters, and nobody waits for longer than they are allowed to.
  void OnlyTheSlowAreDeadLettered(InstanceConfig config) {
    PublishEach(40, 40, [](int i) { return i % 8 == 4 ? std::string("slow") : std::to_string(i); });
    config.worker.attempt_timeout = milliseconds(200);
    config.worker.retry.attempts_max = 1;
    config.worker.batch = 64;
    Recording recording;
    config.tap = &recording;
    WorkerOptions options = config.worker;
    Instance instance(std::move(config), bus_.get(), &clock_);
    absl::Status result;
    std::thread thread([&] { result = instance.Run(); });
    const auto dead = Read("dead", "undertaker", 5);
    const auto out = Read("out", "reader", 35);
    instance.Drain(clock_.Now() + seconds(20));
    thread.join();
    EXPECT_TRUE(result.ok()) << result;
    for (const auto& [key, bodies] : dead) EXPECT_EQ(bodies, std::vector<std::string>{"slow"}) << key;
    for (const auto& [key, bodies] : out) EXPECT_NE(bodies.front(), "slow") << key;
    EXPECT_EQ(LagOf("stage", "in"), 0);
    options.settlement = bus_->capabilities().settlement;
    options.notes = bus_->capabilities().notes;
    options.strict = options.strict || !bus_->capabilities().gapless_publish;
    const absl::Status same = recording.Replay(options);
    EXPECT_TRUE(same.ok()) << same;
  }

  std::function<std::unique_ptr<Stage>()> make_single = [] { return std::make_unique<MoodyStage>(); };
  std::function<std::unique_ptr<BatchStage>()> make_batch;  // instead, if set
  std::set<std::string> reasons;                            // of dead letters read
  RealClock clock_;
  MemorySpool spool_;
  bus::SegmentPool pool_;
  std::unique_ptr<bus::Bus> bus_;
  bool exactly_once_ = false;
};

// The order of keys' first occurrences is that of the input.
void ExpectInOrder(const std::map<std::string, std::vector<std::string>>& found) {
  for (const auto& [key, bodies] : found) {
    std::vector<int> first;
    std::set<int> seen;
    for (const std::string& body : bodies) {
      if (seen.insert(std::stoi(body)).second) first.push_back(std::stoi(body));
    }
    EXPECT_TRUE(std::is_sorted(first.begin(), first.end())) << "key " << key;
  }
}

TEST_P(InstanceTest, TheThreadedRuntimeDoesWhatThePureWorkerDoes) {
  for (const size_t threads : {size_t{3}, size_t{0}}) {
    Publish(1000);
    Recording recording;
    InstanceConfig config = Config("instance-" + std::to_string(threads), threads);
    config.tap = &recording;
    WorkerOptions options = config.worker;
    Instance instance(std::move(config), bus_.get(), &clock_);
    absl::Status result;
    std::thread thread([&] { result = instance.Run(); });
    ExpectInOrder(Read("out", "reader", 980));
    Read("dead", "undertaker", 20);
    instance.Drain(clock_.Now() + seconds(20));
    thread.join();
    EXPECT_TRUE(result.ok()) << result;
    EXPECT_EQ(LagOf("stage", "in"), 0);
    EXPECT_GT(instance.Snapshot().stats.retried, 200u);
    EXPECT_EQ(instance.Snapshot().stats.dead, 20u);

    options.settlement = bus_->capabilities().settlement;
    options.notes = bus_->capabilities().notes;
    options.strict = options.strict || !bus_->capabilities().gapless_publish;
    const absl::Status same = recording.Replay(options);
    EXPECT_TRUE(same.ok()) << same;
    EXPECT_GT(recording.steps(), 50u);
  }
}

TEST_P(InstanceTest, StoppedHalfWayAndContinuedByAnotherNothingIsLost) {
  Publish(2000);
  for (int round = 0;; ++round) {
    ASSERT_LT(round, 200);
    Instance instance(Config("round-" + std::to_string(round), 2), bus_.get(), &clock_);
    absl::Status result;
    std::thread thread([&] { result = instance.Run(); });
    // Stops each in the middle of its work, after a while of its own.
    while (instance.Snapshot().stats.done < 150 && !(instance.Snapshot().idle && LagOf("stage", "in") == 0))
      std::this_thread::yield();
    instance.Drain(clock_.Now() + seconds(20));
    thread.join();
    ASSERT_TRUE(result.ok()) << result;
    if (LagOf("stage", "in") == 0) break;
  }
  Read("dead", "undertaker", 40);
  EXPECT_EQ(reasons, std::set<std::string>{"INVALID_ARGUMENT: bad"}) << "stopping never dead-letters";
  const auto found = Read("out", "reader", 1960);
  ExpectInOrder(found);
  size_t all = 0;
  for (const auto& [key, bodies] : found) all += bodies.size();
  EXPECT_EQ(all, 1960u) << "a clean leave redelivers nothing that was completed";
}

// Instances die after some rounds, in the middle of whatever they are at, and another of the same name takes over.
TEST_P(InstanceTest, KilledAgainAndAgainNothingIsLost) {
  if (!bus_->capabilities().replay) GTEST_SKIP() << "queues are shared out in time of their own";
  make_single = [] { return std::make_unique<EchoStage>(); };
  PublishEach(1000, 37, [](int i) { return std::to_string(i); });
  uint64_t deaths = 0;
  for (int life = 0; LagOf("stage", "in") > 0; ++life) {
    ASSERT_LT(life, 2000);
    InstanceConfig config = Config("killed", 0);
    config.worker.retry.suspect_after_starts = 1'000'000;
    config.worker.transaction_interval = Duration(1);
    Instance instance(std::move(config), bus_.get(), &clock_);
    ASSERT_TRUE(instance.Open().ok());
    for (int turn = 0; turn < 4 + life % 7 && LagOf("stage", "in") > 0; ++turn) instance.Turn();
    ++deaths;
  }
  EXPECT_GT(deaths, 10u);
  const auto found = Read("out", "reader", 1000);
  ExpectInOrder(found);
  size_t all = 0;
  for (const auto& [key, bodies] : found) all += bodies.size();
  if (exactly_once_) {
    EXPECT_EQ(all, 1000u) << "seen more than once";
  }
}

TEST_P(InstanceTest, MoreInstancesThanPartitionsShareTheWorkAndTheRestIsIdle) {
  std::vector<std::unique_ptr<Instance>> instances;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    instances.push_back(std::make_unique<Instance>(Config("many-" + std::to_string(i), 0), bus_.get(), &clock_));
    threads.emplace_back([instance = instances.back().get()] { EXPECT_TRUE(instance->Run().ok()); });
  }
  Publish(500);
  ExpectInOrder(Read("out", "reader", 490));
  uint32_t held = 0;
  const MonotonicTime until = clock_.Now() + seconds(30);
  do {
    held = 0;
    for (const auto& instance : instances) held += instance->Snapshot().stats.partitions;
  } while (held != 4 && clock_.Now() < until);
  EXPECT_EQ(held, 4u) << "each partition has one holder";
  for (const auto& instance : instances) instance->Drain(clock_.Now() + seconds(20));
  for (std::thread& thread : threads) thread.join();
}

TEST_P(InstanceTest, ATimeOutIsThatOfTheMessageThatTookLong) {
  make_single = [this] { return std::make_unique<SlowStage>(&clock_); };
  OnlyTheSlowAreDeadLettered(Config("timed", 2));
}

TEST_P(InstanceTest, ABatchThatRunsOutOfTimeIsTriedOneByOne) {
  make_batch = [this] { return std::make_unique<SlowBatchStage>(&clock_); };
  InstanceConfig config = Config("timed", 2);
  config.worker.batch_stage = true;
  OnlyTheSlowAreDeadLettered(std::move(config));
}

// Each owner of the partition is stuck with it in turn, until there have been enough.
TEST_P(InstanceTest, AMessageThatNeverReturnsEndsAsADeadLetterAndPeopleAreTold) {
  std::atomic<bool> let_go = false;
  make_single = [&] { return std::make_unique<HangingStage>(&let_go); };
  // On queues delivery counts stand in for notes, and whoever waits behind the one that hangs shares its count: there it
  // is alone.
  const int jobs = bus_->capabilities().notes ? 20 : 1;
  PublishEach(jobs, jobs, [jobs](int i) { return i == (jobs == 1 ? 0 : 7) ? std::string("hang") : std::to_string(i); });
  std::vector<std::unique_ptr<Instance>> instances;
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::string> told;
  for (int i = 0; i < 3; ++i) {
    InstanceConfig config = Config("hanging-" + std::to_string(i), 1);
    config.worker.attempt_timeout = milliseconds(100);
    config.worker.timeout_grace = milliseconds(100);
    config.worker.retry.attempts_max = 2;
    config.worker.retry.suspect_after_starts = 1;  // on queues delivery counts stand in
    config.worker.retry.deliveries_max = 2;
    config.on_not_ready = [&](const std::string& reason) {
      std::lock_guard<std::mutex> lock(mutex);
      told.push_back(reason);
    };
    instances.push_back(std::make_unique<Instance>(std::move(config), bus_.get(), &clock_));
    threads.emplace_back([instance = instances.back().get()] { EXPECT_TRUE(instance->Run().ok()); });
  }
  Read("out", "reader", jobs - 1);
  const auto dead = Read("dead", "undertaker", 1);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead.begin()->second, std::vector<std::string>{"hang"});
  let_go = true;
  for (const auto& instance : instances) instance->Drain(clock_.Now() + seconds(20));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told.size(), 2u);
  for (const std::string& reason : told)
    EXPECT_TRUE(reason.find(jobs == 1 ? "with key 'k0'" : "with key 'k7'") != std::string::npos) << reason;
  EXPECT_EQ(LagOf("stage", "in"), 0);
}

// What a worker is told, and whether it has started anything.
class Ear : public Tap {
 public:
  void OnStep(Instant, const Event& event, const Actions& actions, size_t first) override {
    if (std::holds_alternative<GateEvent>(event)) heard.push_back("gate");
    if (std::holds_alternative<DrainEvent>(event)) heard.push_back("drain");
    for (size_t i = first; i < actions.list.size(); ++i)
      dispatched = dispatched || std::holds_alternative<DispatchAction>(actions.list[i]);
  }
  std::vector<std::string> heard;
  bool dispatched = false;
};

// A trial that is granted at the moment of SIGTERM is not run.
TEST_P(InstanceTest, TheWishToStopIsHeardBeforeTheGate) {
  TrialGate gate;
  Ear ear;
  InstanceConfig config = Config("leaving", 0);
  config.gate = &gate;
  config.tap = &ear;
  Publish(20);
  Instance instance(std::move(config), bus_.get(), &clock_);
  ASSERT_TRUE(instance.Open().ok());
  Mailbox waker;
  const auto other = gate.Join(&waker);
  other->Do(GateWish::kAsk, 0);
  other->Do(GateWish::kEnd, 0);  // the gate is open again, and the instance has not looked yet
  instance.Drain(clock_.Now() + seconds(20));
  const MonotonicTime until = clock_.Now() + seconds(20);
  while (!instance.left() && clock_.Now() < until) instance.Turn();
  EXPECT_EQ(ear.heard, (std::vector<std::string>{"drain", "gate"}));
  EXPECT_FALSE(ear.dispatched);
  EXPECT_TRUE(instance.Close().ok());
}

INSTANTIATE_TEST_SUITE_P(Semantics, InstanceTest, testing::Values("mem:", "mem:?semantics=queue", "mem: exactly once"),
                         [](const auto& info) {
                           const std::string parameter = info.param;
                           if (parameter.ends_with(kOnce)) return "exactly_once";
                           return parameter == "mem:" ? "log" : "queue";
                         });

}  // namespace
}  // namespace millrace::stages
