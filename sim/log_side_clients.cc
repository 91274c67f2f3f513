// The clients' end of the network around the log broker: production's clients over links that take their time.
#include <algorithm>
#include <utility>

#include "sim/client_over.h"
#include "sim/log_side.h"

namespace millrace::sim {
namespace {

using bus::LogError;
using bus::LogEvent;
using bus::LogEventKind;
using bus::LogRequest;
using bus::Outgoing;

// A batch that is full does not linger.
constexpr size_t kLingerMessagesMax = 64;

}  // namespace

class LogSide::Link final : public Net::Link {
 public:
  using Net::Link::Link;

  // What has arrived at a process that stands still is heard of when that goes on, and by then it may have sent more.
  void Receive(std::vector<LogEvent>& events) override {
    Net::Link::Receive(events);
    if (connection() == nullptr) return;
    for (const LogEvent& event : events) {
      if (event.kind == LogEventKind::kProduced && event.error != LogError::kNone)
        connection()->state.refusals_told += event.count;
    }
  }
  void Send(const LogRequest& request, MonotonicTime) override {
    if (connection() == nullptr) return;
    std::unique_ptr<Payload> payload = Blank();
    payload->produce = false;
    payload->request.Assign(request);
    SendPayload(std::move(payload));
  }
  size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                 MonotonicTime) override;
  void Connect(MonotonicTime now) override {
    kept_.clear();
    Net::Link::Connect(now);
  }
  void Drop(MonotonicTime now) override {
    kept_.clear();
    Net::Link::Drop(now);
  }
  // A crash takes along what was kept back: it is in the process's memory.
  void Flush() {
    const bool dead = owner().process != Surface::kFeed && world().member(owner().instance).dead;
    kept_messages_ = 0;
    for (std::unique_ptr<Payload>& payload : std::exchange(kept_, {})) {
      if (!dead) SendPayload(std::move(payload));
    }
  }

 private:
  void SendOrKeep(std::unique_ptr<Payload> payload);

  std::vector<std::unique_ptr<Payload>> kept_;  // linger
  size_t kept_messages_ = 0;
};

void LogSide::Link::SendOrKeep(std::unique_ptr<Payload> payload) {
  const int64_t linger_ns = world().plan().timing.linger_ns;
  if (linger_ns == 0) return SendPayload(std::move(payload));
  if (kept_.empty()) {
    kept_messages_ = 0;
    world().Schedule(world().now_ns() + linger_ns, What::kLinger, connection()->index, owner().process);
  }
  kept_messages_ += payload->messages.size();
  kept_.push_back(std::move(payload));
  if (kept_messages_ >= kLingerMessagesMax) Flush();
}

size_t LogSide::Link::Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                              MonotonicTime) {
  if (connection() == nullptr) return 0;
  LogTraits::State& state = connection()->state;
  const size_t room = kInFlightMax - std::min(kInFlightMax, state.in_flight);
  const size_t taken = std::min(room, messages.size());
  state.starved = state.starved || taken < messages.size();
  if (taken == 0) return 0;
  std::unique_ptr<Payload> payload = Blank();
  payload->produce = true;
  payload->topics.assign(topics.begin(), topics.end());
  payload->first_token = first_token;
  payload->done = 0;
  payload->refusals_seen = state.refusals_told;
  payload->messages.assign(messages.begin(), messages.begin() + static_cast<ptrdiff_t>(taken));
  payload->interned.clear();
  size_t bytes = 0;
  for (const Outgoing& out : payload->messages) bytes += out.message.Bytes();
  payload->bytes.clear();
  payload->bytes.reserve(bytes);
  const auto keep = [&](std::string_view view) {
    const size_t at = payload->bytes.size();
    payload->bytes.append(view);
    return std::string_view(payload->bytes).substr(at);
  };
  for (size_t i = 0; i < taken; ++i) {
    bus::Message& message = payload->messages[i].message;
    if (message.key.has_value()) message.key = keep(*message.key);
    if (message.body.has_value()) message.body = keep(*message.body);
    message.headers = bus::Headers(keep(message.headers.block()));
    payload->interned.push_back(world().MessageOfToken(owner(), first_token + i));
  }
  state.in_flight += taken;
  SendOrKeep(std::move(payload));
  return taken;
}

std::unique_ptr<SimConsumerCore> LogSide::OpenConsumer(const Owner& owner, const bus::ConsumerOptions& options,
                                                       bus::Waker&) {
  bus::LogConsumerOptions log;
  log.rebalance_timeout = Duration(world_.plan().timing.max_poll_interval_ns);
  log.auto_commit_interval = Duration(world_.options().auto_commit_ns);
  return std::make_unique<ConsumerOver<bus::LogConsumer>>([&](bool* stirred) {
    return bus::LogConsumer(options, log, std::make_unique<Link>(network_, owner, stirred), world_.Now());
  });
}

std::unique_ptr<SimProducerCore> LogSide::OpenProducer(const Owner& owner, const bus::ProducerOptions& options,
                                                       bus::Waker&) {
  bus::LogProducerOptions log;
  log.transaction = options.transaction;
  return std::make_unique<ProducerOver<bus::LogProducer>>([&](bool* stirred) {
    return bus::LogProducer(options.topics, log, std::make_unique<Link>(network_, owner, stirred), world_.Now());
  });
}

void LogSide::Flush(uint32_t connection) {
  if (Net::Link* link = network_.connections()[connection]->link) static_cast<Link*>(link)->Flush();
}

}  // namespace millrace::sim
