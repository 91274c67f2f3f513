#include "tests/conformance/kafka_harness.h"

#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "bus/check.h"

namespace millrace::conformance {
namespace {

constexpr int kTimeoutMs = 20'000;

std::string UrlOfBroker() {
  const char* url = std::getenv("MILLRACE_KAFKA_URL");
  if (url != nullptr && *url != '\0') return url;
  std::cerr << "This test needs a Kafka and MILLRACE_KAFKA_URL says of none. Start one and name it:\n"
            << "  ops/kafka start\n"
            << "  bazel test --test_env=MILLRACE_KAFKA_URL=kafka://127.0.0.1:9092 //tests/conformance:kafka_test\n";
  std::exit(1);
}

std::string NewPrefix() {
  static std::atomic<int> count{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return "conformance-" + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) + "-" +
         std::to_string(getpid()) + "-" + std::to_string(++count) + "-";
}

// A transaction that is taken back leaves a record and a marker, which nobody sees.
void AbortTransaction(const std::string& brokers, const std::string& topic, int32_t partition) {
  char why[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const std::string id = topic + "-gap";
  for (const auto& [name, value] :
       {std::pair<const char*, std::string>{"bootstrap.servers", brokers}, {"transactional.id", id}}) {
    MR_CHECK(rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof(why)) == RD_KAFKA_CONF_OK) << why;
  }
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
  MR_CHECK(producer != nullptr) << why;
  const auto good = [](rd_kafka_error_t* error) { MR_CHECK(error == nullptr) << rd_kafka_error_string(error); };
  good(rd_kafka_init_transactions(producer, kTimeoutMs));
  good(rd_kafka_begin_transaction(producer));
  const rd_kafka_resp_err_t sent =
      rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_VALUE(const_cast<char*>("taken back"), 10), RD_KAFKA_V_END);
  MR_CHECK(sent == RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(sent);
  MR_CHECK(rd_kafka_flush(producer, kTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR);
  good(rd_kafka_abort_transaction(producer, kTimeoutMs));
  rd_kafka_destroy(producer);
}

}  // namespace

MonotonicTime RealClock::Now() const { return {std::chrono::steady_clock::now().time_since_epoch().count()}; }
WallTime RealClock::Wall() const { return {std::chrono::system_clock::now().time_since_epoch().count()}; }

KafkaHarness::KafkaHarness(Rebalance rebalance)
    : KafkaHarness(rebalance, UrlOfBroker(),
                   {.session_timeout = std::chrono::seconds(3),
                    .heartbeat_interval = std::chrono::milliseconds(200),
                    .revoke_timeout = std::chrono::seconds(3),
                    .limit = std::chrono::seconds(40),
                    .quiet = std::chrono::milliseconds(1500)}) {}

KafkaHarness::KafkaHarness(const std::string& url, const Timing& timing)
    : KafkaHarness(Rebalance::kEager, url, timing) {}

KafkaHarness::KafkaHarness(Rebalance rebalance, const std::string& url, const Timing& timing)
    : timing_(timing), prefix_(NewPrefix()), url_(url) {
  auto opened =
      bus::OpenKafkaBus(url_ + "?rebalance=" + (rebalance == Rebalance::kCooperative ? "cooperative" : "eager") +
                            "&queued.min.messages=1",
                        clock_);
  MR_CHECK(opened.ok()) << opened.status().ToString();
  bus_ = *std::move(opened);
}

bool KafkaHarness::Has(Ability ability) const {
  switch (ability) {
    case Ability::kRevokeDeadline:
    case Ability::kStaticMembers:
    case Ability::kDestroy:
    case Ability::kGap:
      return true;
    case Ability::kCooperative:
    case Ability::kCapacity:
    case Ability::kRedeliveryCount:
    case Ability::kBacklogBound:
    case Ability::kExpireSession:
    case Ability::kRestartBroker:
    case Ability::kRefusePublish:
    case Ability::kBlockPublishing:
      return false;
  }
  return false;
}

void KafkaHarness::WaitUntil(MonotonicTime until, Signal& signal) {
  const MonotonicTime now = Now();
  // A look now and then costs nothing, and a test's own condition may not come with a signal.
  if (until > now) signal.Await(std::min<Duration>(until - now, std::chrono::milliseconds(50)));
}

void KafkaHarness::Destroy(const std::string& topic, int32_t partition) {
  const absl::Status status = bus_->DeleteRecordsBefore(Name(topic), partition, -1);
  MR_CHECK(status.ok()) << status.ToString();
}

void KafkaHarness::MakeGap(const std::string& topic, int32_t partition) {
  AbortTransaction(url_.substr(sizeof("kafka://") - 1), Name(topic), partition);
}

}  // namespace millrace::conformance
