// A connection to a RabbitMQ server for calls that wait for their answer: administration, not traffic.
//
//   BlockingChannel server(options, clock);
//   auto answer = server.Call({.method = Method::kQueueDeclare, .passive = true, .queue = "q"}, deadline);
//   if (answer.ok() && answer->kind == EventKind::kChannelClosed) …        // refused: code and text
//
// Blocking    Call and Next, up to their deadlines. Errors: Unavailable where the server cannot be reached or does not
//             answer in time.
// Threading   one thread at a time. Ownership: the clock outlives it.
#ifndef MILLRACE_BUS_RABBITMQ_BLOCKING_CHANNEL_H_
#define MILLRACE_BUS_RABBITMQ_BLOCKING_CHANNEL_H_

#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/memory/queue_session.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/waiting.h"

namespace millrace::bus {

class BlockingChannel : private QueueSession::Host {
 public:
  BlockingChannel(const AmqpOptions& options, const Clock& clock);

  // Sends a request that the server answers (on the channel that it names, opened when first used) and returns the
  // answer, or the channel's end as the server tells it; the next call opens the channel anew.
  absl::StatusOr<Event> Call(Request request, MonotonicTime deadline);
  // Sends one that is not answered.
  void Send(const Request& request);
  // The next message; nothing by `deadline`. The end of its channel is an error: what it held has been given back.
  absl::StatusOr<std::deque<Event>> Deliveries(MonotonicTime deadline);

 private:
  void OnUp() override { up_ = true; }
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  void Step(MonotonicTime deadline);
  absl::Status Trouble() const;
  absl::StatusOr<Event> Ask(const Request& request, MonotonicTime deadline);

  const Clock& clock_;
  WaitingWaker waker_;
  AmqpLink* link_ = nullptr;  // the session's
  QueueSession session_;
  bool up_ = false;
  uint64_t losses_ = 0;
  std::string why_;
  std::set<uint32_t> open_;
  uint32_t awaited_ = 0;  // the channel of the call under way
  bool answered_ = false;
  Event answer_;
  absl::Status ended_;  // a channel with deliveries was closed
  std::deque<Event> deliveries_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_BLOCKING_CHANNEL_H_
