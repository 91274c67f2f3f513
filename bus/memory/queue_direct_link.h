// A link without a network: requests are calls into the broker, events are taken from its outbox.
//
// Threading: the broker's and the client's one thread at a time. Ownership: broker and waker outlive the link.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_DIRECT_LINK_H_
#define MILLRACE_BUS_MEMORY_QUEUE_DIRECT_LINK_H_

#include <vector>

#include "bus/memory/queue_broker.h"
#include "bus/memory/queue_wire.h"

namespace millrace::bus {

class DirectLink : public QueueLink {
 public:
  // `ready` is woken when there is something to receive.
  DirectLink(QueueBroker& broker, Waker& ready) : broker_(broker), ready_(ready) {}
  ~DirectLink() override { Drop(last_); }

  void Connect(MonotonicTime now) override {
    last_ = now;
    connection_ = broker_.Open(ready_, now);
  }
  void Send(const Request& request, MonotonicTime now) override {
    last_ = now;
    broker_.Receive(connection_, request, now);
  }
  void Drop(MonotonicTime now) override {
    broker_.Drop(connection_, now);
    connection_ = 0;
  }
  bool Writable() const override { return broker_.Writable(connection_); }
  void Receive(std::vector<Event>& events) override { broker_.TakeEvents(connection_, events); }

  ConnectionId connection() const { return connection_; }

 private:
  QueueBroker& broker_;
  Waker& ready_;
  ConnectionId connection_ = 0;
  MonotonicTime last_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_DIRECT_LINK_H_
