// The threaded runtime on the embedded bus, in both semantics: what it does is what the pure worker would do, and
// stopping it half-way loses nothing.
#include "stages/instance.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "bus/envelope.h"
#include "bus/memory/memory_bus.h"
#include "stages/recording.h"

namespace millrace::stages {
namespace {

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

class NoTalk : public bus::ProducerHandler {
 public:
  void OnConfirmed(const bus::Confirm& confirm) override {
    EXPECT_TRUE(confirm.status.ok()) << confirm.status;
    confirmed += confirm.count;
  }
  void OnWritable() override {}
  size_t confirmed = 0;
};

class InstanceTest : public testing::TestWithParam<const char*> {
 protected:
  InstanceTest() : pool_(64 << 10) {
    bus_ = *bus::OpenMemoryBus(GetParam(), clock_);
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
        runners.push_back(
            std::make_unique<AttemptRunner>(runner, std::make_unique<MoodyStage>(), nullptr, &pool_, &clock_));
      }
      return threads == 0 ? MakeInlineExecutor(std::move(runners[0]), reporter)
                          : MakeThreadExecutor(std::move(runners), reporter, &clock_);
    };
    return config;
  }

  void Publish(int count) {
    Mailbox waker;
    bus::Producer producer(*bus_->OpenProducer({.name = "feed", .topics = {"in"}}, waker));
    NoTalk handler;
    for (int i = 0; i < count; ++i) {
      const std::string key = "k" + std::to_string(i % 11);
      const std::string body = i % 50 == 49 ? "bad" : std::to_string(i);
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

  std::set<std::string> reasons;  // of dead letters read
  RealClock clock_;
  MemorySpool spool_;
  bus::SegmentPool pool_;
  std::unique_ptr<bus::Bus> bus_;
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

INSTANTIATE_TEST_SUITE_P(Semantics, InstanceTest, testing::Values("mem:", "mem:?semantics=queue"),
                         [](const auto& info) { return std::string(info.param) == "mem:" ? "log" : "queue"; });

}  // namespace
}  // namespace millrace::stages
