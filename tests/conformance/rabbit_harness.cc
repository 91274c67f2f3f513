#include "tests/conformance/rabbit_harness.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "bus/check.h"
#include "bus/rabbitmq/amqp_url.h"
#include "bus/rabbitmq/rabbit_bus.h"

namespace millrace::conformance {
namespace {

constexpr int32_t kPartitionsMax = 64;  // that a test asks for

std::string ServerUrl() {
  const char* url = std::getenv("MILLRACE_RABBITMQ_URL");
  if (url != nullptr && *url != '\0') return url;
  std::fprintf(stderr,
               "This test needs a RabbitMQ. Start one: ops/rabbitmq start; then run the test with\n"
               "  --test_env=MILLRACE_RABBITMQ_URL=amqp://guest:guest@127.0.0.1:5872/   (the URL that it prints)\n");
  std::exit(1);
}

std::string NewPrefix() {
  static std::atomic<uint64_t> harnesses{0};
  return "c" + std::to_string(getpid()) + "-" + std::to_string(ops::SystemClock().Wall().ns % 1'000'000'000'000) + "-" +
         std::to_string(++harnesses) + "-";
}

// A plain client of the same server, for what an operator does.
class Operator {
 public:
  explicit Operator(uint16_t port) : state_(amqp_new_connection()) {
    amqp_socket_t* const socket = amqp_tcp_socket_new(state_);
    MR_CHECK(amqp_socket_open(socket, "127.0.0.1", port) == AMQP_STATUS_OK) << "the server has gone";
    const amqp_rpc_reply_t reply =
        amqp_login(state_, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    MR_CHECK(reply.reply_type == AMQP_RESPONSE_NORMAL) << "the server refuses guest";
    amqp_channel_open(state_, 1);
  }
  ~Operator() {
    amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(state_);
  }
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  void DeleteQueue(const std::string& queue) { amqp_queue_delete(state_, 1, amqp_cstring_bytes(queue.c_str()), 0, 0); }
  void DeleteExchange(const std::string& exchange) {
    amqp_exchange_delete(state_, 1, amqp_cstring_bytes(exchange.c_str()), 0);
  }

 private:
  const amqp_connection_state_t state_;
};

}  // namespace

RabbitHarness::RabbitHarness()
    : RabbitHarness(ServerUrl(),
                    {.session_timeout = std::chrono::milliseconds(500),
                     .heartbeat_interval = std::chrono::milliseconds(300),
                     .revoke_timeout = std::chrono::seconds(2),
                     .limit = std::chrono::seconds(40),
                     .quiet = std::chrono::milliseconds(700)},
                    NewPrefix(), "") {}

RabbitHarness::RabbitHarness(const std::string& server, const Timing& timing, const std::string& prefix,
                             const std::string& instance)
    : timing_(timing), prefix_(prefix) {
  const auto url = bus::ParseAmqpUrl(server);
  MR_CHECK(url.ok()) << url.status().ToString();
  server_port_ = url->connection.hosts.front().port;
  proxy_ = std::make_unique<TcpProxy>(server_port_);
  auto opened = bus::OpenRabbitBus("amqp://guest:guest@127.0.0.1:" + std::to_string(proxy_->port()) + "/" +
                                       (instance.empty() ? "" : "?instance=" + instance),
                                   clock_);
  if (!opened.ok()) {
    std::fprintf(stderr, "No RabbitMQ at %s: %s\nStart one: ops/rabbitmq start\n", bus::WithoutPassword(server).c_str(),
                 opened.status().ToString().c_str());
    std::exit(1);
  }
  bus_ = *std::move(opened);
}

RabbitHarness::~RabbitHarness() {
  bus_.reset();
  Operator people(server_port_);
  for (const std::string& topic : names_) {
    people.DeleteExchange(topic);
    people.DeleteExchange("mr.presence." + topic);
    people.DeleteQueue(topic + "::keep");
    for (const std::string& group : names_) {
      people.DeleteQueue(topic + ":" + group + ":any");
      for (int32_t p = 0; p < kPartitionsMax; ++p) people.DeleteQueue(topic + ":" + group + ":" + std::to_string(p));
    }
  }
}

std::string RabbitHarness::Name(const std::string& name) { return *names_.insert(prefix_ + name).first; }

bool RabbitHarness::Has(Ability ability) const {
  switch (ability) {
    case Ability::kRevokeDeadline:
    case Ability::kCapacity:
    case Ability::kRedeliveryCount:
    case Ability::kExpireSession:
    case Ability::kRestartBroker:
    case Ability::kDestroy:
    case Ability::kBlockPublishing:
      return true;
    case Ability::kBacklogBound:
    case Ability::kRefusePublish:
    case Ability::kStaticMembers:
    case Ability::kCooperative:
    case Ability::kGap:
      return false;
  }
  return false;
}

void RabbitHarness::WaitUntil(MonotonicTime until, Signal& signal) {
  signal.Await(std::min(until - Now(), Duration(std::chrono::seconds(1))));
}

// The names of connections tell whose they are.
void RabbitHarness::ExpireSession(const std::string& instance) { proxy_->Orphan(" " + instance + "@"); }

void RabbitHarness::Destroy(const std::string& topic, int32_t partition) {
  Operator people(server_port_);
  const std::string full = Name(topic);
  for (const std::string& group : names_) people.DeleteQueue(full + ":" + group + ":" + std::to_string(partition));
}

void RabbitHarness::Delete(const std::vector<std::string>& queues, const std::vector<std::string>& exchanges) {
  Operator people(server_port_);
  for (const std::string& queue : queues) people.DeleteQueue(queue);
  for (const std::string& exchange : exchanges) people.DeleteExchange(exchange);
}

void RabbitHarness::BlockPublishing(bool on) {
  if (on) {
    proxy_->Block(" feeder");
  } else {
    proxy_->Unblock();
  }
}

}  // namespace millrace::conformance
