#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "bus/kafka/kafka_bus.h"
#include "bus/producer.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int16_t kProduceApi = 0;
constexpr int32_t kPartitions = 4;

class RealClock : public Clock {
 public:
  MonotonicTime Now() const override { return {std::chrono::steady_clock::now().time_since_epoch().count()}; }
  WallTime Wall() const override { return {std::chrono::system_clock::now().time_since_epoch().count()}; }
};

class Alarm : public Waker {
 public:
  void Wake() override {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  void Await(Duration most) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, most, [this] { return woken_; });
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = true;
};

class Answers : public ProducerHandler {
 public:
  void OnConfirmed(const Confirm& confirm) override {
    for (uint64_t token = confirm.first; token < confirm.first + confirm.count; ++token) {
      EXPECT_TRUE(of.emplace(token, confirm.status).second) << token << " is answered twice";
    }
  }
  void OnWritable() override {}
  std::map<uint64_t, absl::Status> of;
};

class KafkaMockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char why[512];
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    ASSERT_NE(host_, nullptr) << why;
    cluster_ = rd_kafka_mock_cluster_new(host_, 1);
    ASSERT_EQ(rd_kafka_mock_topic_create(cluster_, "t", kPartitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    auto opened = OpenKafkaBus("kafka://" + std::string(rd_kafka_mock_cluster_bootstraps(cluster_)) +
                                   "?session.timeout.ms=2000&fetch.wait.max.ms=20",
                               clock);
    ASSERT_TRUE(opened.ok()) << opened.status();
    bus = *std::move(opened);
  }
  void TearDown() override {
    bus.reset();
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(host_);
  }

  std::unique_ptr<Producer> OpenProducer() {
    auto driver = bus->OpenProducer({.name = "p", .topics = {"t"}}, alarm);
    EXPECT_TRUE(driver.ok()) << driver.status();
    return std::make_unique<Producer>(*std::move(driver));
  }
  // Publishes "0", "1", …, in turn over the partitions, and waits for the answers.
  void Publish(Producer& producer, int first, int count, Answers& answers) {
    const MonotonicTime end = clock.Now() + seconds(30);
    int taken = 0;
    while ((taken < count || answers.of.size() < static_cast<size_t>(count)) && clock.Now() < end) {
      if (taken < count) {
        const std::string body = std::to_string(first + taken);
        const Outgoing one{
            .topic = 0, .partition = (first + taken) % kPartitions, .message = {.key = "k", .body = body}};
        if (producer.Publish({&one, 1}).count == 1) {
          ++taken;
          continue;
        }
      }
      alarm.Await(milliseconds(20));
      producer.Poll(answers);
    }
    ASSERT_EQ(answers.of.size(), static_cast<size_t>(count));
  }
  RealClock clock;
  Alarm alarm;
  std::unique_ptr<KafkaBus> bus;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;

 private:
  rd_kafka_t* host_ = nullptr;
};

// librdkafka cannot go on after this; the driver does, with a handle of its own making.
TEST_F(KafkaMockTest, AFatalProducerErrorLeavesUnknownOutcomesAndIsSurvived) {
  auto producer = OpenProducer();
  Answers warm;
  Publish(*producer, 0, 8, warm);
  rd_kafka_mock_push_request_errors(cluster_, kProduceApi, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
  Answers answers;
  Publish(*producer, 8, 40, answers);
  size_t failed = 0;
  for (const auto& [token, status] : answers.of) {
    failed += !status.ok();
    EXPECT_TRUE(status.ok() || absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status)) << status;
  }
  EXPECT_GT(failed, 0u);
  Answers after;
  Publish(*producer, 48, 8, after);
  for (const auto& [token, status] : after.of) EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(producer->Close(after, clock.Now() + seconds(10)).ok());
}

TEST_F(KafkaMockTest, WhatIsNotThereIsSaid) {
  EXPECT_TRUE(absl::IsInvalidArgument(bus->OpenProducer({.topics = {}}, alarm).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKafkaBus("kafka://a:1?nonsense.name=1", clock).status()));
  EXPECT_TRUE(absl::IsNotFound(OpenKafkaBus("kafka://a:1?sasl.password=file:/nowhere", clock).status()));
  const absl::Status secret =
      OpenKafkaBus("kafka://a:1?ssl.key.password=s3cret&security.protocol=s3cret", clock).status();
  EXPECT_TRUE(absl::IsInvalidArgument(secret)) << secret;
}

}  // namespace
}  // namespace millrace::bus
