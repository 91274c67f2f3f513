#include "bus/producer.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

struct Script {
  size_t take = SIZE_MAX;         // most that one Publish takes
  std::vector<Confirm> confirms;  // told at the next Poll or Close
  bool writable = false;
  std::vector<std::pair<uint64_t, size_t>> published;
  absl::Status close;
  std::vector<absl::Status> ends;
  size_t commits = 0, aborts = 0;
};

class FakeDriver final : public ProducerDriver {
 public:
  explicit FakeDriver(Script& script) : script_(script) {}
  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override {
    script_.published.emplace_back(first_token, messages.size());
    return std::min(messages.size(), script_.take);
  }
  void Poll(ProducerHandler& handler) override {
    for (const Confirm& confirm : std::exchange(script_.confirms, {})) handler.OnConfirmed(confirm);
    if (std::exchange(script_.writable, false)) handler.OnWritable();
    for (const absl::Status& end : std::exchange(script_.ends, {})) handler.OnEnded(end);
  }
  void Commit(const TransactionOffsets& offsets) override { script_.commits += offsets.offsets.size(); }
  void Abort() override { ++script_.aborts; }
  MonotonicTime NextTimer() const override { return {7}; }
  absl::Status Close(ProducerHandler& handler, MonotonicTime) override {
    Poll(handler);
    return script_.close;
  }

 private:
  Script& script_;
};

struct Record final : ProducerHandler {
  void OnConfirmed(const Confirm& confirm) override {
    confirmed += confirm.count;
    if (!confirm.status.ok()) failed += confirm.count;
  }
  void OnWritable() override { ++writable; }
  void OnEnded(const absl::Status&) override { ++ended; }
  uint64_t confirmed = 0, failed = 0, writable = 0, ended = 0;
};

class ProducerTest : public ::testing::Test {
 protected:
  Script script;
  Producer producer{std::make_unique<FakeDriver>(script)};
  Record handler;
  std::vector<Outgoing> messages = std::vector<Outgoing>(10);
};

TEST_F(ProducerTest, AssignsTokensToWhatIsTaken) {
  EXPECT_EQ(producer.next_token(), 1u);
  script.take = 4;
  Producer::Taken taken = producer.Publish(messages);
  EXPECT_EQ(taken.first, 1u);
  EXPECT_EQ(taken.count, 4u);
  script.take = 0;
  EXPECT_EQ(producer.Publish(messages).count, 0u);
  script.take = 100;
  taken = producer.Publish(std::span(messages).subspan(4));
  EXPECT_EQ(taken.first, 5u);
  EXPECT_EQ(taken.count, 6u);
  EXPECT_EQ(producer.Pending(), 10u);
  EXPECT_EQ(producer.Publish({}).count, 0u);
  EXPECT_EQ(script.published, (std::vector<std::pair<uint64_t, size_t>>{{1, 10}, {5, 10}, {5, 6}}));
}

TEST_F(ProducerTest, CountsAnswersInAnyOrder) {
  producer.Publish(messages);
  script.confirms = {{7, 4, absl::OkStatus()}, {2, 1, absl::UnavailableError("nacked")}};
  script.writable = true;
  producer.Poll(handler);
  EXPECT_EQ(producer.Pending(), 5u);
  script.confirms = {{3, 4, absl::OkStatus()}, {1, 1, absl::OkStatus()}};
  EXPECT_TRUE(producer.Close(handler, {1}).ok());
  EXPECT_EQ(producer.Pending(), 0u);
  EXPECT_EQ(handler.confirmed, 10u);
  EXPECT_EQ(handler.failed, 1u);
  EXPECT_EQ(handler.writable, 1u);
  EXPECT_EQ(producer.NextTimer(), MonotonicTime::Infinite());
  producer.Poll(handler);
  EXPECT_TRUE(producer.Close(handler, {2}).ok());
}

TEST_F(ProducerTest, ATransactionEndsOnceAndNothingIsPublishedMeanwhile) {
  TransactionOffsets offsets;
  EXPECT_DEATH(producer.Commit(offsets), "settles nothing");
  offsets.offsets.push_back({});
  producer.Publish(messages);
  EXPECT_DEATH(producer.Commit(offsets), "10 publishes unanswered");
  script.confirms = {{1, 10, absl::OkStatus()}};
  producer.Poll(handler);
  producer.Commit(offsets);
  EXPECT_DEATH(producer.Publish(messages), "while a transaction ends");
  EXPECT_DEATH(producer.Abort(), "while one ends");
  script.ends = {absl::OkStatus()};
  producer.Poll(handler);
  EXPECT_EQ(handler.ended, 1u);
  producer.Publish(messages);
  script.confirms = {{11, 10, absl::UnavailableError("x")}};
  producer.Poll(handler);
  producer.Abort();
  script.ends = {absl::OkStatus()};
  producer.Poll(handler);
  EXPECT_EQ(script.commits, 1u);
  EXPECT_EQ(script.aborts, 1u);
  script.ends = {absl::OkStatus()};
  EXPECT_DEATH(producer.Poll(handler), "nobody has ended");
}

TEST_F(ProducerTest, CloseReturnsWhatTheDriverSays) {
  producer.Publish(messages);
  script.confirms = {{1, 10, absl::DeadlineExceededError("unknown")}};
  script.close = absl::DeadlineExceededError("unknown");
  EXPECT_TRUE(absl::IsDeadlineExceeded(producer.Close(handler, {1})));
  EXPECT_TRUE(absl::IsDeadlineExceeded(producer.Close(handler, {1})));
  EXPECT_EQ(handler.failed, 10u);
  EXPECT_DEATH(producer.Publish(messages), "closed producer");
}

TEST_F(ProducerTest, ADriverThatAnswersWronglyIsStopped) {
  producer.Publish(messages);
  script.confirms = {{3, 2, absl::OkStatus()}};
  producer.Poll(handler);
  for (Confirm wrong : {Confirm{4, 1, {}}, Confirm{0, 1, {}}, Confirm{10, 2, {}}, Confirm{2, 2, {}}}) {
    script.confirms = {wrong};
    EXPECT_DEATH(producer.Poll(handler), "answered before or never taken") << wrong.first;
  }
  script.confirms = {Confirm{1, 0, {}}};
  EXPECT_DEATH(producer.Poll(handler), "an answer for nothing");
  script.confirms = {};
  EXPECT_DEATH(producer.Close(handler, {1}).IgnoreError(), "8 publishes unanswered");
}

}  // namespace
}  // namespace millrace::bus
