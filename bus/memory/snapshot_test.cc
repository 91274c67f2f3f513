#include "bus/memory/snapshot.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bus/consumer.h"
#include "bus/memory/memory_bus.h"
#include "bus/producer.h"

namespace millrace::bus {
namespace {

using std::chrono::seconds;

std::string PathOf(const std::string& name) { return ::testing::TempDir() + "/" + name; }

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST(SnapshotTest, NumbersBytesAndRecordsComeBack) {
  const std::string path = PathOf("plain");
  const std::string large(1'000'000, 'L');
  HeaderBuilder headers;
  headers.Add("a", "1").Add("a", std::nullopt);
  {
    SnapshotWriter out(path);
    out.Number(0);
    out.Number(UINT64_MAX);
    out.Bytes(large);
    out.Record({.key = std::nullopt, .body = "b", .headers = headers.View(), .timestamp_ms = -7});
    out.Record({.key = "", .body = std::nullopt});
    ASSERT_TRUE(out.Finish().ok());
  }
  SnapshotReader in(path);
  EXPECT_EQ(in.Number(), 0u);
  EXPECT_EQ(in.Number(), UINT64_MAX);
  EXPECT_EQ(in.Bytes(), large);
  EXPECT_TRUE(
      SameContent(in.Record(), {.key = std::nullopt, .body = "b", .headers = headers.View(), .timestamp_ms = -7}));
  EXPECT_TRUE(SameContent(in.Record(), {.key = "", .body = std::nullopt}));
  in.ExpectEnd();
  EXPECT_TRUE(in.ok()) << in.status();
}

TEST(SnapshotTest, WithoutFinishNothingHappens) {
  const std::string path = PathOf("unfinished");
  WriteFile(path, "old");
  {
    SnapshotWriter out(path);
    out.Bytes("new");
  }
  EXPECT_EQ(ReadFile(path), "old");
  EXPECT_EQ(ReadFile(path + ".part"), "");
}

TEST(SnapshotTest, AFolderThatIsNotThereIsNamed) {
  SnapshotWriter out(PathOf("no/such/folder"));
  out.Number(1);
  const absl::Status status = out.Finish();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_NE(std::string(status.message()).find("no/such/folder"), std::string::npos) << status;
}

class HandClock : public Clock {
 public:
  MonotonicTime Now() const override { return now; }
  WallTime Wall() const override { return {}; }
  MonotonicTime now{1'000'000'000};
};

class NoWaker : public Waker {
 public:
  void Wake() override {}
};

struct Sink : ProducerHandler {
  void OnConfirmed(const Confirm& c) override { confirmed += c.count; }
  void OnWritable() override {}
  uint64_t confirmed = 0;
};

class SavedBusTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<MemoryBus> Open() { return *OpenMemoryBus(GetParam(), clock); }
  bool IsLog() const { return GetParam() == "mem:"; }
  Topology Shape() const {
    return {.topics = {{.name = "raw", .partitions = 2, .groups = {"g", "h"}},
                       {.name = "dead", .groups = {"g"}, .keep = true}}};
  }
  void Publish(MemoryBus& bus, const std::string& topic, int count, int32_t partition, const std::string& prefix) {
    Producer producer(*bus.OpenProducer({.topics = {topic}}, waker));
    Sink sink;
    for (int i = 0; i < count; ++i) {
      const std::string body = prefix + std::to_string(i);
      HeaderBuilder headers;
      headers.Add("ce_id", body).Add("odd", std::nullopt);
      const Outgoing out{.partition = partition,
                         .message = {.key = "k", .body = body, .headers = headers.View(), .timestamp_ms = 5}};
      producer.Publish({&out, 1});
      producer.Poll(sink);
    }
    EXPECT_TRUE(producer.Close(sink, clock.now).ok());
    EXPECT_EQ(sink.confirmed, static_cast<uint64_t>(count));
  }
  // Takes and settles up to `most`; in order per partition.
  std::vector<std::string> Consume(MemoryBus& bus, const std::string& group, const std::string& topic, size_t most) {
    Consumer consumer(*bus.OpenConsumer({.group = group, .topics = {topic}, .batch_max = 1, .prefetch = 1}, waker),
                      bus.capabilities());
    std::vector<std::string> bodies;
    for (int round = 0; round < 200 && bodies.size() < most; ++round) {
      consumer
          .PollEach([&](const DeliveryBatch& batch) {
            for (const Delivery& d : batch.deliveries) {
              if (bodies.size() == most) return;
              bodies.emplace_back(*d.message.body);
              EXPECT_EQ(d.message.key, "k");
              EXPECT_EQ(d.message.timestamp_ms, 5);
              EXPECT_EQ(d.message.headers.Find("ce_id"), bodies.back());
              const SettleRange range{d.sequence, d.sequence};
              EXPECT_TRUE(consumer
                              .Settle({.holding = batch.holding,
                                       .ranges = {&range, 1},
                                       .next = d.sequence + 1,
                                       .has_note = false,
                                       .note = {}})
                              .ok());
            }
          })
          .IgnoreError();
      clock.now = clock.now + std::chrono::milliseconds(100);
    }
    EXPECT_TRUE(consumer.Close(clock.now + seconds(1)).ok());
    return bodies;
  }
  static std::vector<std::string> Unsettled(MemoryBus& bus, const std::string& group, const std::string& topic) {
    std::vector<std::string> all;
    EXPECT_TRUE(bus.ForEachUnsettled(group, topic,
                                     [&](const Resting& r) {
                                       all.push_back(std::to_string(r.partition) + ":" + std::string(*r.message.body));
                                       return true;
                                     })
                    .ok());
    return all;
  }

  HandClock clock;
  NoWaker waker;
};

TEST_P(SavedBusTest, WhatIsUnsettledSurvivesTheProcess) {
  const std::string path = PathOf(IsLog() ? "log_bus" : "queue_bus");
  std::vector<std::string> left_g, left_h;
  {
    auto bus = Open();
    ASSERT_TRUE(bus->Apply(Shape()).ok());
    Publish(*bus, "raw", 6, 0, "a");
    Publish(*bus, "raw", 3, 1, "b");
    Publish(*bus, "dead", 2, 0, "d");
    EXPECT_EQ(Consume(*bus, "g", "raw", 4).size(), 4u);
    EXPECT_EQ(Consume(*bus, "h", "raw", 1).size(), 1u);
    EXPECT_EQ(Consume(*bus, "g", "dead", 2).size(), 2u);
    left_g = Unsettled(*bus, "g", "raw");
    left_h = Unsettled(*bus, "h", "raw");
    EXPECT_EQ(left_g.size(), 5u);
    EXPECT_EQ(left_h.size(), 8u);
    ASSERT_TRUE(bus->SaveTo(path).ok());
  }
  auto bus = Open();
  ASSERT_TRUE(bus->LoadFrom(path).ok());
  ASSERT_TRUE(bus->Apply(Shape()).ok());
  EXPECT_EQ(bus->Topics().topics.size(), 2u);
  EXPECT_EQ(Unsettled(*bus, "g", "raw"), left_g);
  EXPECT_EQ(Unsettled(*bus, "h", "raw"), left_h);
  EXPECT_TRUE(Unsettled(*bus, "g", "dead").empty());
  int kept = 0;
  ASSERT_TRUE(bus->ForEachKept("dead", [&](const Resting&) { return ++kept > 0; }).ok());
  EXPECT_EQ(kept, 2);
  Publish(*bus, "raw", 1, 0, "new");
  EXPECT_EQ(Consume(*bus, "g", "raw", 6).size(), 6u);
  EXPECT_TRUE(Unsettled(*bus, "g", "raw").empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(bus->Apply({.topics = {{.name = "raw", .partitions = 5, .groups = {"g"}}}})));
}

TEST_P(SavedBusTest, WhatAnOpenTransactionHoldsIsNotSaved) {
  if (!IsLog()) GTEST_SKIP() << "queues have no transactions";
  const std::string path = PathOf("open_transaction");
  {
    auto bus = Open();
    ASSERT_TRUE(bus->Apply(Shape()).ok());
    Publish(*bus, "raw", 1, 0, "before");
    Producer producer(*bus->OpenProducer({.topics = {"raw"}, .transaction = {.id = "tx", .inputs = {"dead"}}}, waker));
    const Outgoing out{.message = {.key = "k", .body = "open", .timestamp_ms = 5}};
    ASSERT_EQ(producer.Publish({&out, 1}).count, 1u);
    Publish(*bus, "raw", 1, 0, "behind");
    EXPECT_EQ(Unsettled(*bus, "g", "raw").size(), 1u) << "readers wait for the end";
    ASSERT_TRUE(bus->SaveTo(path).ok());
    Sink sink;
    EXPECT_TRUE(producer.Close(sink, clock.now).ok());
    EXPECT_EQ(Unsettled(*bus, "g", "raw").size(), 2u);
  }
  auto bus = Open();
  ASSERT_TRUE(bus->LoadFrom(path).ok());
  ASSERT_TRUE(bus->Apply(Shape()).ok());
  EXPECT_EQ(Unsettled(*bus, "g", "raw").size(), 2u);
  EXPECT_EQ(Consume(*bus, "g", "raw", 2), (std::vector<std::string>{"before0", "behind0"}));
}

TEST_P(SavedBusTest, ADamagedFileIsRefusedWhole) {
  const std::string path = PathOf(IsLog() ? "damaged_log" : "damaged_queue");
  {
    auto bus = Open();
    ASSERT_TRUE(bus->Apply(Shape()).ok());
    Publish(*bus, "raw", 20, 0, "a");
    ASSERT_TRUE(bus->SaveTo(path).ok());
  }
  const std::string good = ReadFile(path);
  const auto load = [&](const std::string& bytes) {
    WriteFile(path, bytes);
    auto bus = Open();
    const absl::Status status = bus->LoadFrom(path);
    if (!status.ok()) {
      EXPECT_TRUE(bus->Topics().topics.empty()) << "nothing is loaded";
    }
    return status;
  };
  EXPECT_TRUE(load(good).ok());
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    const absl::Status status = load(bad);
    EXPECT_TRUE(absl::IsDataLoss(status) || (at >= 8 && at < 12 && absl::IsFailedPrecondition(status)))
        << at << ": " << status;
  }
  for (size_t size = 0; size < good.size(); size += 11) {
    EXPECT_TRUE(absl::IsDataLoss(load(good.substr(0, size)))) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(load(good + "more")));
  const absl::Status status = load(good.substr(0, good.size() / 2));
  EXPECT_NE(std::string(status.message()).find(path), std::string::npos) << status;
}

TEST_P(SavedBusTest, LoadingHasItsTimeAndItsSemantics) {
  const std::string path = PathOf(IsLog() ? "other_log" : "other_queue");
  auto bus = Open();
  EXPECT_TRUE(absl::IsNotFound(bus->LoadFrom(PathOf("never_written"))));
  ASSERT_TRUE(bus->SaveTo(path).ok());
  ASSERT_TRUE(bus->LoadFrom(path).ok()) << "empty is fine";
  ASSERT_TRUE(bus->Apply(Shape()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(bus->LoadFrom(path)));
  auto other = *OpenMemoryBus(IsLog() ? "mem:?semantics=queue" : "mem:", clock);
  const absl::Status status = other->LoadFrom(path);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(std::string(status.message()).find(IsLog() ? "semantics=log" : "semantics=queue"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Semantics, SavedBusTest, ::testing::Values("mem:", "mem:?semantics=queue"),
                         [](const auto& info) { return info.param == "mem:" ? "Log" : "Queue"; });

}  // namespace
}  // namespace millrace::bus
