#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bus/kafka/kafka_bus.h"
#include "bus/producer.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int16_t kProduceApi = 0, kOffsetFetchApi = 9, kFindCoordinatorApi = 10, kInitProducerApi = 22,
                  kEndTransactionApi = 26, kTransactOffsetsApi = 28;
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
  void OnEnded(const absl::Status& status) override { ends.push_back(status); }
  void OnTrouble(const absl::Status& status) override { troubles.push_back(status); }
  std::map<uint64_t, absl::Status> of;
  std::vector<absl::Status> ends, troubles;
};

class KafkaMockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char why[512];
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    ASSERT_NE(host_, nullptr) << why;
    cluster_ = rd_kafka_mock_cluster_new(host_, 1);
    for (const std::string& topic : Topics())
      ASSERT_EQ(rd_kafka_mock_topic_create(cluster_, topic.c_str(), kPartitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
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

  // "t", and some that nothing is published to.
  static std::vector<std::string> Topics() {
    std::vector<std::string> topics = {"t"};
    for (int i = 1; i < 12; ++i) topics.push_back("t" + std::to_string(i));
    return topics;
  }

  std::unique_ptr<Producer> OpenProducer(const std::vector<std::string>& topics = {"t"}) {
    auto driver = bus->OpenProducer({.name = "p", .topics = topics}, alarm);
    EXPECT_TRUE(driver.ok()) << driver.status();
    return std::make_unique<Producer>(*std::move(driver));
  }
  std::unique_ptr<Producer> OpenTransactional(Duration timeout = seconds(10)) {
    auto driver = bus->OpenProducer(
        {.name = "p", .topics = {"t"}, .transaction = {.id = "tx", .inputs = {"t"}, .timeout = timeout}}, alarm);
    EXPECT_TRUE(driver.ok()) << driver.status();
    return std::make_unique<Producer>(*std::move(driver));
  }
  // Settlements as a consumer in its first generation prepares them; this broker looks at none of that.
  static TransactionOffsets Offsets(int64_t next) {
    rd_kafka_consumer_group_metadata_t* metadata =
        rd_kafka_consumer_group_metadata_new_with_genid("g", 1, "member", nullptr);
    void* bytes = nullptr;
    size_t size = 0;
    EXPECT_EQ(rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size), nullptr);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    TransactionOffsets offsets;
    offsets.group = "g";
    offsets.member.assign(static_cast<const char*>(bytes), size);
    offsets.offsets.push_back({.partition = {0, 0}, .next = next, .note = "note"});
    rd_kafka_mem_free(nullptr, bytes);
    return offsets;
  }
  // What Offsets(next) would leave, by a consumer of the group.
  void CommitAsAMember(int64_t next) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    char why[512];
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_), why, sizeof(why));
    rd_kafka_conf_set(conf, "group.id", "g", why, sizeof(why));
    rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ASSERT_NE(consumer, nullptr) << why;
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t* element = rd_kafka_topic_partition_list_add(list, "t", 0);
    element->offset = next;
    element->metadata_size = 4;
    element->metadata = rd_kafka_mem_malloc(consumer, element->metadata_size);
    std::memcpy(element->metadata, "note", element->metadata_size);
    EXPECT_EQ(rd_kafka_commit(consumer, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(consumer);
  }
  absl::Status EndOf(Producer& producer, Answers& answers) {
    const size_t before = answers.ends.size();
    for (const MonotonicTime end = clock.Now() + seconds(40); answers.ends.size() == before && clock.Now() < end;) {
      alarm.Await(milliseconds(20));
      producer.Poll(answers);
    }
    return answers.ends.size() == before ? absl::UnknownError("not told") : answers.ends.back();
  }
  // Publishes and commits.
  absl::Status Commit(Producer& producer, int first, Answers& answers) {
    answers.of.clear();
    Publish(producer, first, 8, answers);
    for (const auto& [token, status] : answers.of) EXPECT_TRUE(status.ok()) << status;
    producer.Commit(Offsets(first));
    return EndOf(producer, answers);
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

TEST_F(KafkaMockTest, ATransactionIsCommittedThroughErrorsThatPass) {
  auto producer = OpenTransactional();
  Answers answers;
  EXPECT_TRUE(Commit(*producer, 1, answers).ok());
  rd_kafka_mock_push_request_errors(cluster_, kEndTransactionApi, 2, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                    RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS);
  EXPECT_TRUE(Commit(*producer, 9, answers).ok());
  rd_kafka_mock_push_request_errors(cluster_, kTransactOffsetsApi, 1, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
  EXPECT_TRUE(Commit(*producer, 17, answers).ok());
  EXPECT_TRUE(answers.troubles.empty()) << answers.troubles.front();
  producer->Abort();
  EXPECT_TRUE(EndOf(*producer, answers).ok()) << "nothing was begun";
  EXPECT_TRUE(producer->Close(answers, clock.Now() + seconds(10)).ok());
}

// The broker keeps no offsets of transactions, so what is looked up was not taken.
TEST_F(KafkaMockTest, AFencedCommitIsLookedUpAndSaidAndANewHandleGoesOn) {
  auto producer = OpenTransactional();
  Answers answers;
  EXPECT_TRUE(Commit(*producer, 1, answers).ok());
  rd_kafka_mock_push_request_errors(cluster_, kEndTransactionApi, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
  const absl::Status end = Commit(*producer, 9, answers);
  EXPECT_TRUE(absl::IsAborted(end)) << end;
  ASSERT_EQ(answers.troubles.size(), 1u);
  EXPECT_NE(std::string(answers.troubles[0].message()).find("transactional.id \"tx\": another producer"),
            std::string::npos)
      << answers.troubles[0];
  EXPECT_TRUE(Commit(*producer, 17, answers).ok());
}

TEST_F(KafkaMockTest, AFencedPublishIsAnsweredSo) {
  auto producer = OpenTransactional();
  Answers answers;
  EXPECT_TRUE(Commit(*producer, 1, answers).ok());
  rd_kafka_mock_push_request_errors(cluster_, kProduceApi, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
  answers.of.clear();
  Publish(*producer, 9, 8, answers);
  size_t aborted = 0;
  for (const auto& [token, status] : answers.of) aborted += absl::IsAborted(status);
  EXPECT_GT(aborted, 0u);
  producer->Abort();
  EXPECT_TRUE(EndOf(*producer, answers).ok());
  EXPECT_TRUE(Commit(*producer, 17, answers).ok());
}

TEST_F(KafkaMockTest, OffsetsThatAreRefusedAbortTheTransaction) {
  auto producer = OpenTransactional();
  Answers answers;
  rd_kafka_mock_push_request_errors(cluster_, kTransactOffsetsApi, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
  const absl::Status end = Commit(*producer, 1, answers);
  EXPECT_TRUE(absl::IsAborted(end)) << end;
  EXPECT_NE(std::string(end.message()).find("ILLEGAL_GENERATION"), std::string::npos) << end;
  EXPECT_TRUE(Commit(*producer, 9, answers).ok());
  EXPECT_TRUE(answers.troubles.empty()) << "the session goes on";
  // A broker would take them from nobody unchecked, so they are not sent.
  answers.of.clear();
  Publish(*producer, 17, 8, answers);
  TransactionOffsets nobody = Offsets(17);
  nobody.member.clear();
  producer->Commit(nobody);
  EXPECT_TRUE(absl::IsAborted(EndOf(*producer, answers))) << answers.ends.back();
}

// Nobody mends this but a person, who has to hear of it in the broker's words.
TEST_F(KafkaMockTest, OffsetsThatAreNotAllowedAreToldAsTrouble) {
  auto producer = OpenTransactional();
  Answers answers;
  rd_kafka_mock_push_request_errors(cluster_, kTransactOffsetsApi, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
  const absl::Status end = Commit(*producer, 1, answers);
  EXPECT_TRUE(absl::IsAborted(end)) << end;
  ASSERT_EQ(answers.troubles.size(), 1u);
  for (const absl::Status& said : {end, answers.troubles[0]}) {
    EXPECT_NE(said.message().find("GROUP_AUTHORIZATION_FAILED"), std::string::npos) << said;
    EXPECT_NE(said.message().find("give the user of this program the right to read by this group"), std::string::npos)
        << said;
  }
  EXPECT_TRUE(Commit(*producer, 9, answers).ok()) << answers.ends.back();
}

TEST_F(KafkaMockTest, ANoteThatIsTooLargeIsLeftOut) {
  auto producer = OpenTransactional();
  Answers answers;
  rd_kafka_mock_push_request_errors(cluster_, kTransactOffsetsApi, 1, RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
  const absl::Status end = Commit(*producer, 1, answers);
  EXPECT_TRUE(absl::IsAborted(end)) << end;
  ASSERT_EQ(answers.troubles.size(), 1u);
  EXPECT_NE(answers.troubles[0].message().find("raise offset.metadata.max.bytes"), std::string::npos)
      << answers.troubles[0];
  EXPECT_TRUE(Commit(*producer, 9, answers).ok()) << answers.ends.back();
}

TEST_F(KafkaMockTest, AMessageThatIsNotAllowedIsToldAsTrouble) {
  for (const bool transactional : {false, true}) {
    auto producer = transactional ? OpenTransactional() : OpenProducer();
    Answers answers;
    Publish(*producer, 0, 8, answers);
    // All that is under way is refused, as a broker does.
    for (int request = 0; request < 8; ++request)
      rd_kafka_mock_push_request_errors(cluster_, kProduceApi, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    answers.of.clear();
    Publish(*producer, 8, 8, answers);
    size_t refused = 0;
    for (const auto& [token, status] : answers.of) refused += !status.ok();
    EXPECT_GT(refused, 0u);
    // One that keeps the order without transactions has to begin anew.
    const char* const words =
        transactional ? "topic \"t\" did not take a message: TOPIC_AUTHORIZATION_FAILED" : "Topic authorization failed";
    const auto says = [words](const absl::Status& told) { return told.message().find(words) != std::string::npos; };
    EXPECT_TRUE(std::any_of(answers.troubles.begin(), answers.troubles.end(), says)) << answers.troubles.size();
    if (transactional) {
      producer->Abort();
      EXPECT_TRUE(EndOf(*producer, answers).ok());
    }
    // The right is given: that is found out soon.
    rd_kafka_mock_clear_request_errors(cluster_, kProduceApi);
    bool well = false;
    for (const MonotonicTime give_up = clock.Now() + seconds(30); !well && clock.Now() < give_up;) {
      answers.of.clear();
      Publish(*producer, 16, 8, answers);
      well = std::all_of(answers.of.begin(), answers.of.end(), [](const auto& one) { return one.second.ok(); });
      if (!transactional) continue;
      producer->Abort();
      EXPECT_TRUE(EndOf(*producer, answers).ok());
    }
    EXPECT_TRUE(well);
    EXPECT_TRUE(producer->Close(answers, clock.Now() + seconds(10)).ok());
  }
}

// librdkafka loses the second one where its timing is bad: it is answered all the same, with all that its session had.
TEST_F(KafkaMockTest, WhatIsLostBehindAPublishThatFailedIsAnswered) {
  auto producer = OpenTransactional(seconds(2));
  Answers answers;
  for (int round = 0; round < 5; ++round) {
    for (const MonotonicTime give_up = clock.Now() + seconds(40);;) {
      answers.of.clear();
      Publish(*producer, 100 * round, 8, answers);
      if (answers.of.size() < 8) return;  // it has failed
      if (std::all_of(answers.of.begin(), answers.of.end(), [](const auto& one) { return one.second.ok(); })) break;
      producer->Abort();
      EXPECT_TRUE(EndOf(*producer, answers).ok());
      ASSERT_LT(clock.Now(), give_up);
    }
    // One request is refused, and those under way behind it are not.
    rd_kafka_mock_broker_set_rtt(cluster_, 1, 50);
    rd_kafka_mock_push_request_errors(cluster_, kProduceApi, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    answers.of.clear();
    Publish(*producer, 100 * round + 8, 8, answers);
    if (answers.of.size() < 8) return;
    rd_kafka_mock_broker_set_rtt(cluster_, 1, 0);
    producer->Abort();
    EXPECT_TRUE(EndOf(*producer, answers).ok());
  }
}

// What librdkafka hears for its commit is the answer to a repetition: the group's offsets tell that it was taken.
TEST_F(KafkaMockTest, ACommitThatWasTakenThoughItsAnswerSaysOtherwiseIsDone) {
  auto producer = OpenTransactional();
  Answers answers;
  EXPECT_TRUE(Commit(*producer, 1, answers).ok());
  // This broker keeps no offsets of transactions, so they are put where it would have put them.
  CommitAsAMember(9);
  rd_kafka_mock_push_request_errors(cluster_, kEndTransactionApi, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
  const absl::Status end = Commit(*producer, 9, answers);
  EXPECT_TRUE(end.ok()) << end;
  EXPECT_EQ(answers.troubles.size(), 1u) << "the fence is told all the same";
  EXPECT_TRUE(Commit(*producer, 17, answers).ok());
}

// A coordinator that says nothing: the transaction is given up, and whoever closes has not to wait for its time.
TEST_F(KafkaMockTest, ASilentCoordinatorHoldsNobodyUpForLong) {
  auto producer = OpenTransactional(seconds(60));
  Answers answers;
  EXPECT_TRUE(Commit(*producer, 1, answers).ok());
  rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, kTransactOffsetsApi, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 50000);
  MonotonicTime since = clock.Now();
  const absl::Status end = Commit(*producer, 9, answers);
  EXPECT_TRUE(absl::IsAborted(end)) << end;
  EXPECT_LT(clock.Now() - since, seconds(30));
  ASSERT_FALSE(answers.troubles.empty());
  EXPECT_NE(answers.troubles[0].message().find("_TIMED_OUT"), std::string::npos) << answers.troubles[0];
  rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, kTransactOffsetsApi, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 50000);
  answers.of.clear();
  Publish(*producer, 17, 8, answers);
  producer->Commit(Offsets(17));
  since = clock.Now();
  EXPECT_TRUE(producer->Close(answers, clock.Now() + seconds(1)).ok());
  producer.reset();
  EXPECT_LT(clock.Now() - since, seconds(25));
}

TEST_F(KafkaMockTest, ASessionThatIsRefusedIsSaidAndTriedAgain) {
  rd_kafka_mock_push_request_errors(cluster_, kInitProducerApi, 1,
                                    RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  auto producer = OpenTransactional();
  Answers answers;
  EXPECT_TRUE(Commit(*producer, 1, answers).ok());
  ASSERT_EQ(answers.troubles.size(), 1u);
  EXPECT_NE(std::string(answers.troubles[0].message()).find("authorization failed"), std::string::npos)
      << answers.troubles[0];
}

// Each of these ended the process in librdkafka 2.0.2, as long as the handle that asked had no group of its own.
TEST_F(KafkaMockTest, LagIsAskedWhileTheCoordinatorMoves) {
  for (const rd_kafka_resp_err_t error :
       {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE}) {
    rd_kafka_mock_push_request_errors(cluster_, kOffsetFetchApi, 1, error);
    bus->Lag("g", "t").status().IgnoreError();  // told that nobody knows, or asked again
    const auto lag = bus->Lag("g", "t");
    ASSERT_TRUE(lag.ok()) << lag.status();
    EXPECT_EQ(lag->size(), static_cast<size_t>(kPartitions));
  }
}

// librdkafka 2.0.2 would end the process: see admin_request.h.
TEST_F(KafkaMockTest, ACoordinatorThatIsFoundAfterTheTimeOutEndsNothing) {
  rd_kafka_mock_broker_push_request_error_rtts(cluster_, 1, kFindCoordinatorApi, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 11'000);
  EXPECT_FALSE(bus->Lag("g", "t").ok()) << "it waits for ten seconds";
  std::this_thread::sleep_for(seconds(2));
  EXPECT_TRUE(bus->Lag("g", "t").ok());
}

TEST_F(KafkaMockTest, ATopicThatABrokerDoesNotKnowYetIsAskedForAgain) {
  // It asks as soon as it is open, and is not to be answered before the topic has gone.
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 500);
  auto producer = OpenProducer();
  rd_kafka_mock_topic_set_error(cluster_, "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 0);
  Answers answers;
  const Outgoing one{.topic = 0, .partition = 0, .message = {.key = "k", .body = "one"}};
  bool taken = false;
  const auto poll = [&](Duration most) {
    for (const MonotonicTime end = clock.Now() + most; answers.of.empty() && clock.Now() < end;) {
      taken = taken || producer->Publish({&one, 1}).count == 1;
      alarm.Await(milliseconds(20));
      producer->Poll(answers);
    }
  };
  poll(milliseconds(1500));
  EXPECT_TRUE(answers.of.empty());
  rd_kafka_mock_topic_set_error(cluster_, "t", RD_KAFKA_RESP_ERR_NO_ERROR);
  poll(seconds(20));
  ASSERT_EQ(answers.of.size(), 1u);
  for (const auto& [token, status] : answers.of) EXPECT_TRUE(status.ok()) << status;
}

// Each of its topics is a question, and the job that asks has a second for all of them: whoever closes waits no longer.
TEST_F(KafkaMockTest, ASlowBrokerHoldsNobodyUpForEachTopic) {
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 100);
  auto producer = OpenProducer(Topics());
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 800);
  Answers answers;
  // It has connected, which takes a few answers, and is among the topics.
  for (const MonotonicTime end = clock.Now() + milliseconds(3500); clock.Now() < end;) {
    alarm.Await(milliseconds(20));
    producer->Poll(answers);
  }
  const MonotonicTime since = clock.Now();
  producer.reset();
  EXPECT_LT(clock.Now() - since, seconds(4));
  // In the end all of them are asked.
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 0);
  producer = OpenProducer(Topics());
  rd_kafka_mock_broker_set_rtt(cluster_, 1, 300);
  Publish(*producer, 0, 8, answers);
  for (const auto& [token, status] : answers.of) EXPECT_TRUE(status.ok()) << status;
}

TEST_F(KafkaMockTest, WhatIsNotThereIsSaid) {
  EXPECT_TRUE(absl::IsInvalidArgument(bus->OpenProducer({.topics = {}}, alarm).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenKafkaBus("kafka://a:1?nonsense.name=1", clock).status()));
  EXPECT_TRUE(absl::IsNotFound(OpenKafkaBus("kafka://a:1?sasl.password=file:/nowhere", clock).status()));
  const absl::Status secret =
      OpenKafkaBus("kafka://a:1?ssl.key.password=s3cret&security.protocol=s3cret", clock).status();
  EXPECT_TRUE(absl::IsInvalidArgument(secret)) << secret;
  // As long as the library is one that ends processes there.
  const absl::Status cooperative = OpenKafkaBus("kafka://a:1?rebalance=cooperative", clock).status();
  EXPECT_EQ(absl::IsFailedPrecondition(cooperative), rd_kafka_version() <= 0x020002ff) << cooperative;
}

}  // namespace
}  // namespace millrace::bus
