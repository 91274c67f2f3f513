#include "ops/redriver.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bus/memory/memory_bus.h"
#include "gtest/gtest.h"
#include "ops/system_clock.h"

namespace millrace::ops {
namespace {

// Dead letters that somebody holds, and what was taken out of them.
class Kept final : public bus::KeptReader {
 public:
  absl::Status Read(const std::function<absl::Status(const bus::KeptMessage&)>&) override { return absl::OkStatus(); }
  absl::Status Remove(std::span<const uint64_t> places, std::string_view why) override {
    if (before_remove) before_remove();
    ++calls;
    EXPECT_EQ(why, "redriven");
    if (!fails.ok()) return fails;
    removed.insert(removed.end(), places.begin(), places.end());
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Free(const std::string&) override { return 0; }
  std::string Hidden() const override { return ""; }
  absl::Status Close() override { return absl::OkStatus(); }

  std::function<void()> before_remove;
  absl::Status fails;
  int calls = 0;
  std::vector<uint64_t> removed;
};

class RedriverTest : public ::testing::Test {
 protected:
  void Open(const std::string& url = "mem:") {
    auto opened = bus::OpenMemoryBus(url, clock);
    ASSERT_TRUE(opened.ok()) << opened.status();
    bus = *std::move(opened);
    const absl::Status applied = bus->Apply(
        {.topics = {{.name = "in", .partitions = 2, .keep = true}, {.name = "other", .partitions = 1, .keep = true}}});
    ASSERT_TRUE(applied.ok()) << applied;
  }
  // What stages have been given: topic/partition/key/body/headers.
  std::vector<std::string> Published() {
    std::vector<std::string> all;
    for (const char* topic : {"in", "other"}) {
      const absl::Status read = bus->ForEachKept(topic, [&](const bus::Resting& resting) {
        const bus::Message& message = resting.message;
        all.push_back(std::string(topic) + "/" + std::to_string(resting.partition) + "/" +
                      std::string(message.key.value_or("(none)")) + "/" + std::string(message.body.value_or("(null)")) +
                      "/" + std::string(message.headers.Find("ce_id").value_or("?")));
        return true;
      });
      EXPECT_TRUE(read.ok()) << read;
    }
    return all;
  }
  static bus::Message Letter(const std::optional<std::string>& key, const std::optional<std::string>& body,
                             bus::HeaderBuilder& headers) {
    bus::Message message;
    if (key) message.key = *key;
    if (body) message.body = *body;
    headers.Add("ce_id", "7");
    message.headers = headers.View();
    return message;
  }

  SystemClock clock;
  std::unique_ptr<bus::MemoryBus> bus;
  Kept kept;
};

TEST_F(RedriverTest, WhatIsConfirmedIsTakenOutAndNothingBefore) {
  Open();
  Redriver redriver(*bus, {"in", "other"}, clock, 0);
  ASSERT_TRUE(redriver.Open().ok());
  kept.before_remove = [&] { EXPECT_EQ(Published().size(), 3u) << "confirmed first"; };
  for (const auto& [place, topic, partition, key, body] :
       {std::tuple{uint64_t{11}, "in", 1, std::optional<std::string>("k"), std::optional<std::string>("body")},
        {uint64_t{12}, "other", 0, std::nullopt, std::optional<std::string>("")},
        {uint64_t{13}, "in", 0, std::optional<std::string>(""), std::nullopt}}) {
    bus::HeaderBuilder headers;  // gone after the call, as what it is given is copied
    ASSERT_TRUE(redriver.Add(kept, place, topic, partition, Letter(key, body, headers)).ok());
  }
  EXPECT_TRUE(kept.removed.empty());
  ASSERT_TRUE(redriver.Finish(kept).ok());
  EXPECT_EQ(kept.removed, (std::vector<uint64_t>{11, 12, 13}));
  EXPECT_EQ(redriver.redriven(), 3u);
  EXPECT_TRUE(redriver.refused().empty());
  EXPECT_EQ(Published(), (std::vector<std::string>{"in/0//(null)/7", "in/1/k/body/7", "other/0/(none)//7"}));
}

TEST_F(RedriverTest, WhatTheBrokerRefusesStaysAndIsCounted) {
  Open("mem:?message_bytes_max=100");
  Redriver redriver(*bus, {"in"}, clock, 0);
  ASSERT_TRUE(redriver.Open().ok());
  for (uint64_t place = 1; place <= 4; ++place) {
    bus::HeaderBuilder headers;
    const std::string body(place % 2 == 0 ? 1000 : 10, 'x');
    ASSERT_TRUE(redriver.Add(kept, place, "in", 0, Letter("k", body, headers)).ok());
  }
  ASSERT_TRUE(redriver.Finish(kept).ok());
  EXPECT_EQ(kept.removed, (std::vector<uint64_t>{1, 3}));
  EXPECT_EQ(redriver.redriven(), 2u);
  uint64_t refused = 0;
  for (const auto& [why, count] : redriver.refused()) refused += count;
  EXPECT_EQ(refused, 2u);
  EXPECT_EQ(Published().size(), 2u);
}

TEST_F(RedriverTest, ManyGoInBatches) {
  Open();
  Redriver redriver(*bus, {"in"}, clock, 0);
  ASSERT_TRUE(redriver.Open().ok());
  for (uint64_t place = 1; place <= 1200; ++place) {
    bus::HeaderBuilder headers;
    ASSERT_TRUE(redriver.Add(kept, place, "in", 0, Letter("k", std::to_string(place), headers)).ok());
  }
  EXPECT_EQ(kept.removed.size(), 1000u);
  ASSERT_TRUE(redriver.Finish(kept).ok());
  EXPECT_EQ(kept.calls, 3);
  EXPECT_EQ(kept.removed.size(), 1200u);
  const std::vector<std::string> published = Published();
  ASSERT_EQ(published.size(), 1200u);
  EXPECT_EQ(published.front(), "in/0/k/1/7");
  EXPECT_EQ(published.back(), "in/0/k/1200/7") << "in their order";
}

TEST_F(RedriverTest, WhatCannotBeTakenOutIsNotCountedAsRedriven) {
  Open();
  kept.fails = absl::UnavailableError("the connection was cut");
  Redriver redriver(*bus, {"in"}, clock, 0);
  ASSERT_TRUE(redriver.Open().ok());
  bus::HeaderBuilder headers;
  ASSERT_TRUE(redriver.Add(kept, 1, "in", 0, Letter("k", "b", headers)).ok());
  EXPECT_EQ(redriver.Finish(kept), kept.fails);
  EXPECT_EQ(redriver.redriven(), 0u);
  EXPECT_EQ(Published().size(), 1u) << "it was published: it may come twice, under one id";
}

TEST_F(RedriverTest, ARateIsKept) {
  Open();
  Redriver redriver(*bus, {"in"}, clock, 200);
  ASSERT_TRUE(redriver.Open().ok());
  const MonotonicTime begin = clock.Now();
  for (uint64_t place = 1; place <= 60; ++place) {  // a batch is a tenth of a second's worth
    bus::HeaderBuilder headers;
    ASSERT_TRUE(redriver.Add(kept, place, "in", 0, Letter("k", "b", headers)).ok());
  }
  ASSERT_TRUE(redriver.Finish(kept).ok());
  EXPECT_EQ(kept.calls, 3);
  EXPECT_GE(clock.Now() - begin, std::chrono::milliseconds(195)) << "the third batch is due after two tenths";
}

TEST_F(RedriverTest, ATopicThatIsNotThereIsTold) {
  Open();
  Redriver redriver(*bus, {"nowhere"}, clock, 0);
  EXPECT_TRUE(absl::IsNotFound(redriver.Open()));
}

// Time passes whenever somebody looks.
class RunningClock : public Clock {
 public:
  MonotonicTime Now() const override { return {now_ += 1'000'000'000}; }
  WallTime Wall() const override { return {Now().ns}; }

 private:
  mutable int64_t now_ = 0;
};

// Takes what is published, and never says a word.
class Mute : public bus::Bus, public bus::ProducerDriver {
 public:
  explicit Mute(const Clock& clock) : clock_(clock) {}
  const bus::Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const bus::Topology&) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions&, bus::Waker&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions&, bus::Waker&) override {
    return std::make_unique<Mute>(clock_);
  }
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string&, const std::string&) override {
    return absl::UnimplementedError("");
  }
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first) override {
    if (taken_ == 0) first_ = first;
    taken_ += static_cast<uint32_t>(messages.size());
    return messages.size();
  }
  void Poll(bus::ProducerHandler&) override {}
  MonotonicTime NextTimer() const override { return clock_.Now() + std::chrono::milliseconds(1); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime) override {
    const absl::Status unknown = absl::DeadlineExceededError("mute");
    if (taken_ > 0) handler.OnConfirmed({.first = first_, .count = taken_, .status = unknown});
    return unknown;
  }

 private:
  const Clock& clock_;
  uint64_t first_ = 0;
  uint32_t taken_ = 0;
  bus::Capabilities capabilities_;
};

TEST_F(RedriverTest, WhatIsNotConfirmedInTimeStays) {
  const RunningClock running;
  Mute mute(running);
  Redriver redriver(mute, {"in"}, running, 0);
  ASSERT_TRUE(redriver.Open().ok());
  bus::HeaderBuilder headers;
  ASSERT_TRUE(redriver.Add(kept, 1, "in", 0, Letter("k", "b", headers)).ok());
  const absl::Status status = redriver.Finish(kept);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("not confirmed within a minute"), std::string_view::npos) << status;
  EXPECT_TRUE(kept.removed.empty());
  EXPECT_EQ(redriver.redriven(), 0u);
}

}  // namespace
}  // namespace millrace::ops
