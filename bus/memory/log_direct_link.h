// A link without a network: requests are calls into the broker, events are taken from its outbox.
//
// Threading: the broker's and the client's one thread at a time. Ownership: broker and waker outlive the link.
#ifndef MILLRACE_BUS_MEMORY_LOG_DIRECT_LINK_H_
#define MILLRACE_BUS_MEMORY_LOG_DIRECT_LINK_H_

#include <vector>

#include "bus/memory/log_broker.h"
#include "bus/memory/log_wire.h"

namespace millrace::bus {

class LogDirectLink : public LogLink {
 public:
  // `ready` is woken when there is something to receive.
  LogDirectLink(LogBroker& broker, Waker& ready) : broker_(broker), ready_(ready) {}
  ~LogDirectLink() override { broker_.Drop(connection_, last_); }

  void Connect(MonotonicTime now) override {
    last_ = now;
    connection_ = broker_.Open(ready_, now);
  }
  void Send(const LogRequest& request, MonotonicTime now) override {
    last_ = now;
    broker_.Receive(connection_, {&request, 1}, now);
  }
  void SendAll(std::span<const LogRequest> requests, MonotonicTime now) override {
    last_ = now;
    broker_.Receive(connection_, requests, now);
  }
  size_t Produce(std::span<const int32_t> topics, std::span<const Outgoing> messages, uint64_t first_token,
                 MonotonicTime now) override {
    last_ = now;
    return broker_.Produce(connection_, topics, messages, first_token);
  }
  void Drop(MonotonicTime now) override {
    broker_.Drop(connection_, now);
    connection_ = 0;
  }
  void Receive(std::vector<LogEvent>& events) override { broker_.TakeEvents(connection_, events); }

  LogConnectionId connection() const { return connection_; }

 private:
  LogBroker& broker_;
  Waker& ready_;
  LogConnectionId connection_ = 0;
  MonotonicTime last_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_DIRECT_LINK_H_
