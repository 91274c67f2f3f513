// The face of mem: in both semantics, through the fronts that users hold.
#include "bus/memory/memory_bus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bus/consumer.h"
#include "bus/producer.h"

namespace millrace::bus {
namespace {

using std::chrono::seconds;

class HandClock : public Clock {
 public:
  MonotonicTime Now() const override { return now; }
  WallTime Wall() const override { return {now.ns}; }
  MonotonicTime now{1'000'000'000};
};

class CountingWaker : public Waker {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

struct Sink : ProducerHandler {
  void OnConfirmed(const Confirm& c) override {
    confirmed += c.count;
    last = c.status;
  }
  void OnWritable() override { ++writable; }
  uint64_t confirmed = 0;
  int writable = 0;
  absl::Status last;
};

class MemoryBusTest : public ::testing::TestWithParam<std::string> {
 protected:
  MemoryBusTest() {
    absl::StatusOr<std::unique_ptr<MemoryBus>> opened = OpenMemoryBus(GetParam(), clock);
    EXPECT_TRUE(opened.ok()) << opened.status();
    bus = std::move(*opened);
  }
  bool log() const { return bus->capabilities().settlement == Settlement::kPrefix; }
  void Apply(TopicSpec spec = {.name = "raw", .partitions = 2, .groups = {"g"}}) {
    ASSERT_TRUE(bus->Apply({.topics = {spec}}).ok());
  }
  std::unique_ptr<Producer> OpenProducer() {
    auto driver = bus->OpenProducer({.topics = {"raw"}}, waker);
    EXPECT_TRUE(driver.ok()) << driver.status();
    return std::make_unique<Producer>(std::move(*driver));
  }
  std::unique_ptr<Consumer> OpenConsumer(std::string instance = "") {
    auto driver = bus->OpenConsumer({.group = "g", .topics = {"raw"}, .instance = instance}, waker);
    EXPECT_TRUE(driver.ok()) << driver.status();
    return std::make_unique<Consumer>(std::move(*driver), bus->capabilities());
  }
  void Publish(Producer& producer, int count, int32_t partition = 0) {
    for (int i = 0; i < count; ++i) {
      const std::string body = "m" + std::to_string(put++);
      const Outgoing out{.topic = 0, .partition = partition, .message = {.body = body}};
      ASSERT_EQ(producer.Publish({&out, 1}).count, 1u);
    }
    producer.Poll(sink);
  }
  // Polls while anything is due within `time`; gives what came, settled where asked.
  std::vector<std::string> Drain(Consumer& consumer, bool settle, Duration time = seconds(3)) {
    std::vector<std::string> bodies;
    const MonotonicTime end = clock.now + time;
    for (int quiet = 0; quiet < 3;) {
      const size_t before = bodies.size();
      consumer
          .PollEach([&](const DeliveryBatch& batch) {
            for (const Delivery& d : batch.deliveries) bodies.emplace_back(*d.message.body);
            if (!settle) return;
            EXPECT_TRUE(consumer.SettleAll(batch).ok());
          })
          .IgnoreError();
      quiet = bodies.size() == before ? quiet + 1 : 0;
      const MonotonicTime next = consumer.NextTimer();
      if (next > clock.now && next <= end) {
        clock.now = next;
        quiet = 0;
      }
    }
    return bodies;
  }
  int64_t LagOf(const std::string& group) {
    int64_t lag = 0;
    const absl::StatusOr<std::vector<PartitionLag>> lags = bus->Lag(group, "raw");
    EXPECT_TRUE(lags.ok()) << lags.status();
    for (const PartitionLag& l : *lags) lag += l.lag;
    return lag;
  }
  std::set<std::string> Unsettled() {
    std::set<std::string> bodies;
    EXPECT_TRUE(bus->ForEachUnsettled("g", "raw",
                                      [&](const Resting& r) {
                                        bodies.insert(std::string(*r.message.body));
                                        return true;
                                      })
                    .ok());
    return bodies;
  }

  HandClock clock;
  CountingWaker waker;
  Sink sink;
  int put = 0;
  std::unique_ptr<MemoryBus> bus;
};

TEST_P(MemoryBusTest, PublishDeliverSettle) {
  Apply();
  auto producer = OpenProducer();
  auto consumer = OpenConsumer();
  Publish(*producer, 5);
  EXPECT_EQ(sink.confirmed, 5u);
  EXPECT_EQ(LagOf("g"), 5);
  EXPECT_EQ(Unsettled().size(), 5u);
  EXPECT_EQ(Drain(*consumer, true), (std::vector<std::string>{"m0", "m1", "m2", "m3", "m4"}));
  EXPECT_EQ(LagOf("g"), 0);
  EXPECT_TRUE(Unsettled().empty());
  EXPECT_TRUE(consumer->Close(clock.now + seconds(1)).ok());
  EXPECT_TRUE(producer->Close(sink, clock.now + seconds(1)).ok());
}

TEST_P(MemoryBusTest, WakesTheConsumerForWhatIsPublished) {
  Apply();
  auto producer = OpenProducer();
  CountingWaker mine;
  Consumer consumer(*bus->OpenConsumer({.group = "g", .topics = {"raw"}}, mine), bus->capabilities());
  Drain(consumer, true, seconds(1));
  const int before = mine.wakes;
  Publish(*producer, 1);
  EXPECT_GT(mine.wakes, before);
}

TEST_P(MemoryBusTest, WhatWasNotSettledComesBackAfterACleanLeave) {
  Apply();
  auto producer = OpenProducer();
  Publish(*producer, 4);
  auto consumer = OpenConsumer("one");
  EXPECT_EQ(Drain(*consumer, false).size(), 4u);
  EXPECT_TRUE(consumer->Close(clock.now + seconds(1)).ok());
  consumer.reset();
  auto next = OpenConsumer("two");
  EXPECT_EQ(Drain(*next, true, seconds(10)).size(), 4u);
}

TEST_P(MemoryBusTest, ADestroyedConsumerIsReplaced) {
  Apply();
  auto producer = OpenProducer();
  Publish(*producer, 4);
  auto consumer = OpenConsumer("one");
  EXPECT_EQ(Drain(*consumer, false).size(), 4u);
  consumer.reset();  // no Close: as good as dead
  auto next = OpenConsumer("two");
  EXPECT_EQ(Drain(*next, true, seconds(30)).size(), 4u);
}

TEST_P(MemoryBusTest, AConsumerThatIsBusyForAnHourIsNotThrownOut) {
  if (!log()) GTEST_SKIP() << "queues have no sessions";
  Apply();
  auto producer = OpenProducer();
  Publish(*producer, 1);
  auto consumer = OpenConsumer();
  Holding held;
  consumer
      ->PollEach([&](const DeliveryBatch& batch) {
        held = batch.holding;
        clock.now = clock.now + std::chrono::hours(1);
      })
      .IgnoreError();
  EXPECT_TRUE(consumer->Settle({.holding = held, .ranges = {}, .next = 1, .has_note = false, .note = {}}).ok());
  Drain(*consumer, false);
  EXPECT_EQ(LagOf("g"), 0);
}

TEST_P(MemoryBusTest, BackPressureEndsWhenThereIsRoom) {
  Apply({.name = "raw", .partitions = 1, .groups = {"g"}, .backlog_bytes_max = 4000});
  auto producer = OpenProducer();
  auto consumer = OpenConsumer();
  Drain(*consumer, true, seconds(1));
  const std::string body(100, 'x');
  const std::vector<Outgoing> batch(200, Outgoing{.topic = 0, .partition = 0, .message = {.body = body}});
  const size_t taken = producer->Publish(batch).count;
  EXPECT_LT(taken, 200u);
  EXPECT_GT(taken, 5u);
  producer->Poll(sink);
  size_t got = 0, published = taken;
  for (int round = 0; round < 1000 && published < 200; ++round) {
    got += Drain(*consumer, true, Duration::zero()).size();
    const int writable = sink.writable;
    producer->Poll(sink);
    if (sink.writable > writable) published += producer->Publish(std::span(batch).subspan(published)).count;
  }
  EXPECT_EQ(published, 200u);
  got += Drain(*consumer, true).size();
  EXPECT_EQ(got, 200u);
}

TEST_P(MemoryBusTest, ErrorsNameWhatIsWrong) {
  Apply();
  EXPECT_TRUE(absl::IsNotFound(bus->OpenProducer({.topics = {"nope"}}, waker).status()));
  EXPECT_TRUE(absl::IsNotFound(bus->OpenConsumer({.group = "g", .topics = {"nope"}}, waker).status()));
  EXPECT_TRUE(absl::IsNotFound(bus->OpenConsumer({.group = "who", .topics = {"raw"}}, waker).status()));
  EXPECT_TRUE(absl::IsNotFound(bus->Lag("g", "nope").status()));
  EXPECT_TRUE(absl::IsNotFound(bus->Lag("who", "raw").status()));
  const auto bad = [&](ConsumerOptions options, std::string_view names) {
    const absl::Status s = bus->OpenConsumer(options, waker).status();
    EXPECT_TRUE(absl::IsInvalidArgument(s)) << s;
    EXPECT_NE(std::string(s.message()).find(names), std::string::npos) << s;
  };
  bad({.topics = {"raw"}}, "group");
  bad({.group = "g"}, "topics");
  bad({.group = "g", .topics = {"raw", "raw"}}, "topics");
  bad({.group = "g", .topics = {"raw"}, .batch_max = 0}, "batch_max");
  bad({.group = "g", .topics = {"raw"}, .session_timeout = seconds(1)}, "heartbeat_interval");
  EXPECT_TRUE(absl::IsFailedPrecondition(bus->Apply({.topics = {{.name = "raw", .partitions = 3, .groups = {"g"}}}})));
  EXPECT_TRUE(absl::IsInvalidArgument(bus->Apply({.topics = {{.name = "x", .partitions = 0}}})));
  EXPECT_TRUE(absl::IsFailedPrecondition(bus->ForEachKept("raw", [](const Resting&) { return true; })));
  EXPECT_TRUE(absl::IsNotFound(bus->ForEachKept("nope", [](const Resting&) { return true; })));
  EXPECT_TRUE(absl::IsNotFound(bus->ForEachUnsettled("who", "raw", [](const Resting&) { return true; })));
}

TEST_P(MemoryBusTest, TooLargeIsPermanent) {
  Apply();
  auto producer = OpenProducer();
  const std::string large(1'000'001, 'x');
  const Outgoing out{.topic = 0, .partition = 0, .message = {.body = large}};
  producer->Publish({&out, 1});
  producer->Poll(sink);
  EXPECT_EQ(sink.confirmed, 1u);
  EXPECT_TRUE(absl::IsInvalidArgument(sink.last)) << sink.last;
}

TEST_P(MemoryBusTest, KeptTopicsShowEverything) {
  Apply({.name = "raw", .partitions = 2, .groups = {"g"}, .keep = true});
  auto producer = OpenProducer();
  auto consumer = OpenConsumer();
  Publish(*producer, 2, 1);
  Publish(*producer, 1, 0);
  Drain(*consumer, true);
  std::vector<std::string> kept;
  ASSERT_TRUE(bus->ForEachKept("raw",
                               [&](const Resting& r) {
                                 kept.push_back(std::to_string(r.partition) + ":" + std::string(*r.message.body));
                                 return true;
                               })
                  .ok());
  EXPECT_EQ(kept, (std::vector<std::string>{"0:m2", "1:m0", "1:m1"}));
  int seen = 0;
  ASSERT_TRUE(bus->ForEachKept("raw", [&](const Resting&) { return ++seen < 2; }).ok());
  EXPECT_EQ(seen, 2);
}

TEST_P(MemoryBusTest, TwoInstancesShareAndAllArrives) {
  Apply({.name = "raw", .partitions = 4, .groups = {"g"}});
  auto producer = OpenProducer();
  auto a = OpenConsumer("a");
  auto b = OpenConsumer("b");
  std::multiset<std::string> got;
  for (int round = 0; round < 40; ++round) {
    Publish(*producer, 1, round % 4);
    for (Consumer* c : {a.get(), b.get()}) {
      for (std::string& body : Drain(*c, true, Duration::zero())) got.insert(std::move(body));
    }
    clock.now = clock.now + std::chrono::milliseconds(300);
  }
  for (int round = 0; round < 30; ++round) {
    for (Consumer* c : {a.get(), b.get()}) {
      for (std::string& body : Drain(*c, true, Duration::zero())) got.insert(std::move(body));
    }
    clock.now = clock.now + std::chrono::milliseconds(300);
  }
  EXPECT_EQ(a->held() + b->held(), 4u);
  EXPECT_GT(a->held(), 0u);
  EXPECT_GT(b->held(), 0u);
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), 40u);
  EXPECT_EQ(LagOf("g"), 0);
}

INSTANTIATE_TEST_SUITE_P(Semantics, MemoryBusTest, ::testing::Values("mem:", "mem:?semantics=queue"),
                         [](const auto& info) { return info.param == "mem:" ? "Log" : "Queue"; });

TEST(MemoryUrlTest, SaysWhatIsWrongAndWhatIsKnown) {
  HandClock clock;
  for (const char* url :
       {"", "mem", "memory:", "mem:x", "mem:?sematics=log", "mem:?semantics=topic", "mem:?semantics",
        "mem:?message_bytes_max=-1", "mem:?message_bytes_max=12x", "mem:?segment_bytes=10", "mem:?session=soft",
        "mem:?semantics=queue&session=strict", "mem:?semantics=queue&retention_bytes=5", "mem:?&"}) {
    const absl::Status status = OpenMemoryBus(url, clock).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << url << ": " << status;
    EXPECT_NE(std::string(status.message()).find("semantics=log|queue"), std::string::npos) << status;
  }
  EXPECT_NE(std::string(OpenMemoryBus("mem:?sematics=log", clock).status().message()).find("sematics"),
            std::string::npos);
  for (const char* url : {"mem:", "mem:?", "mem:?semantics=log",
                          "mem:?session=strict&retention_bytes=1000000&segment_bytes=4096&message_bytes_max=10"}) {
    EXPECT_TRUE(OpenMemoryBus(url, clock).ok()) << url;
  }
}

TEST(MemoryBusLogTest, DeletedRecordsAreAnnounced) {
  HandClock clock;
  CountingWaker waker;
  auto bus = *OpenMemoryBus("mem:", clock);
  std::vector<std::string> destroyed;
  bus->WatchDestroyed([&](std::string_view group, std::string_view topic, const Resting& record) {
    destroyed.push_back(std::string(group) + " " + std::string(topic) + "/" + std::to_string(record.offset));
  });
  ASSERT_TRUE(bus->Apply({.topics = {{.name = "raw", .groups = {"g"}}}}).ok());
  Producer producer(*bus->OpenProducer({.topics = {"raw"}}, waker));
  const std::vector<Outgoing> batch(5, Outgoing{.message = {.body = "x"}});
  producer.Publish(batch);
  ASSERT_TRUE(bus->DeleteRecordsBefore("raw", 0, 3).ok());
  EXPECT_EQ(destroyed, (std::vector<std::string>{"g raw/0", "g raw/1", "g raw/2"}));
  EXPECT_TRUE(absl::IsNotFound(bus->DeleteRecordsBefore("raw", 1, 3)));
  Consumer consumer(*bus->OpenConsumer({.group = "g", .topics = {"raw"}}, waker), bus->capabilities());
  size_t got = 0;
  const absl::Status trouble = consumer.PollEach([&](const DeliveryBatch& b) { got += b.deliveries.size(); });
  EXPECT_TRUE(absl::IsDataLoss(trouble)) << trouble;
  EXPECT_EQ(got, 2u);
}

TEST(MemoryBusLogTest, StrictSessionsEnd) {
  HandClock clock;
  CountingWaker waker;
  auto bus = *OpenMemoryBus("mem:?session=strict", clock);
  ASSERT_TRUE(bus->Apply({.topics = {{.name = "raw", .groups = {"g"}}}}).ok());
  Consumer a(*bus->OpenConsumer({.group = "g", .topics = {"raw"}}, waker), bus->capabilities());
  Consumer b(*bus->OpenConsumer({.group = "g", .topics = {"raw"}}, waker), bus->capabilities());
  const auto ignore = [](const DeliveryBatch&) {};
  a.PollEach(ignore).IgnoreError();
  ASSERT_EQ(a.held(), 1u);
  for (int s = 0; s < 50; ++s) {
    clock.now = clock.now + seconds(1);
    b.PollEach(ignore).IgnoreError();
  }
  EXPECT_EQ(b.held(), 1u);
  a.PollEach(ignore).IgnoreError();
  EXPECT_EQ(a.held(), 0u);
}

TEST(MemoryBusLogTest, NotesSurviveHandOver) {
  HandClock clock;
  CountingWaker waker;
  auto bus = *OpenMemoryBus("mem:", clock);
  ASSERT_TRUE(bus->capabilities().notes);
  ASSERT_TRUE(bus->Apply({.topics = {{.name = "raw", .groups = {"g"}}}}).ok());
  struct Handler : ConsumerHandler {
    void OnAssigned(std::span<const Assignment> a) override { assignment = a[0]; }
    void OnRevoking(std::span<const Holding>, MonotonicTime) override {}
    void OnLost(std::span<const Holding>) override {}
    void OnDelivered(const DeliveryBatch&) override {}
    void OnNoted(Holding, const absl::Status& s) override { noted.push_back(s); }
    void OnTrouble(const absl::Status&) override {}
    Assignment assignment;
    std::vector<absl::Status> noted;
  } handler;
  {
    Consumer a(*bus->OpenConsumer({.group = "g", .topics = {"raw"}}, waker), bus->capabilities());
    a.Poll(handler);
    ASSERT_TRUE(
        a.Settle({.holding = handler.assignment.holding, .ranges = {}, .next = 0, .has_note = true, .note = "starts=2"})
            .ok());
    a.Poll(handler);
    ASSERT_EQ(handler.noted.size(), 1u);
    EXPECT_TRUE(handler.noted[0].ok());
  }
  Consumer b(*bus->OpenConsumer({.group = "g", .topics = {"raw"}}, waker), bus->capabilities());
  b.Poll(handler);
  EXPECT_EQ(handler.assignment.note, "starts=2");
}

TEST(MemoryBusQueueTest, InstanceNamesAreUniqueWhileOpen) {
  HandClock clock;
  CountingWaker waker;
  auto bus = *OpenMemoryBus("mem:?semantics=queue", clock);
  ASSERT_TRUE(bus->Apply({.topics = {{.name = "raw", .groups = {"g"}}}}).ok());
  auto a = bus->OpenConsumer({.group = "g", .topics = {"raw"}, .instance = "x"}, waker);
  ASSERT_TRUE(a.ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(bus->OpenConsumer({.group = "g", .topics = {"raw"}, .instance = "x"}, waker).status()));
  a->reset();
  EXPECT_TRUE(bus->OpenConsumer({.group = "g", .topics = {"raw"}, .instance = "x"}, waker).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(bus->DeleteRecordsBefore("raw", 0, 1)));
}

}  // namespace
}  // namespace millrace::bus
