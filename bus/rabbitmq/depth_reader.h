// Asks a server how many messages wait in queues, on a connection of its own that stays for the next time.
//
// Threading: one thread at a time. Blocking: Read, up to its deadline. Ownership: the clock outlives it.
#ifndef MILLRACE_BUS_RABBITMQ_DEPTH_READER_H_
#define MILLRACE_BUS_RABBITMQ_DEPTH_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/memory/queue_session.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/waiting.h"

namespace millrace::bus {

class DepthReader : private QueueSession::Host {
 public:
  DepthReader(const AmqpOptions& options, const Clock& clock);

  struct Count {
    uint64_t ready = 0;  // what somebody holds unsettled is not among them
    uint32_t consumers = 0;
  };
  // NotFound for a queue that is not there, Unavailable where the server does not answer.
  absl::StatusOr<std::vector<Count>> Read(const std::vector<std::string>& queues, MonotonicTime deadline);

 private:
  void OnUp() override;
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  void AskNext();

  const Clock& clock_;
  WaitingWaker waker_;
  AmqpLink* link_ = nullptr;  // the session's
  QueueSession session_;
  bool channel_open_ = false;
  bool asking_ = false;
  const std::vector<std::string>* queues_ = nullptr;  // during Read
  std::vector<Count> counts_;
  absl::Status status_;
  std::string why_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_DEPTH_READER_H_
