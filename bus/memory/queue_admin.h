// Brings a topology to a queue broker: declares what is missing, verifies the rest, in an order that a crash in the
// middle cannot spoil.
//
// Per ordered (topic, group): queues N-1 … 1, 0, so queue 0 exists only where all do; where it exists, queue N-1 must
// and queue N must not, else the topic has another number of partitions and nothing is touched (FailedPrecondition).
// The trap (queue_names.h), where one is asked for, comes before all queues that name it.
//
// Threading: one thread at a time. Blocking: none; Poll until done().
#ifndef MILLRACE_BUS_MEMORY_QUEUE_ADMIN_H_
#define MILLRACE_BUS_MEMORY_QUEUE_ADMIN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/memory/queue_names.h"
#include "bus/memory/queue_session.h"

namespace millrace::bus {

class QueueAdmin : private QueueSession::Host {
 public:
  QueueAdmin(std::unique_ptr<QueueLink> link, const QueueSessionOptions& options, const Topology& topology,
             MonotonicTime now, std::string trap = {});

  void Poll(MonotonicTime now);
  MonotonicTime NextTimer() const { return session_.NextTimer(); }
  bool done() const { return done_; }
  // OK while not done. Unavailable is never final: the session comes back and starts again.
  const absl::Status& status() const { return status_; }

 private:
  enum class Expect : uint8_t {
    kOk,       // anything else is an error
    kExists,   // a passive declaration; missing is a mismatch
    kMissing,  // a passive declaration; existing is a mismatch
    kEither,   // a passive declaration: where the queue exists, `verify` steps follow, else `make` steps
  };
  struct Step {
    Expect expect = Expect::kOk;
    Method method = Method::kQueueDeclare;
    ExchangeKind kind = ExchangeKind::kDirect;
    std::string exchange;
    std::string queue;
    std::string routing_key;
    QueueArguments arguments;
    std::string mismatch;       // what to say where the expectation fails; of kOk: the way out
    std::vector<Step> present;  // kEither
    std::vector<Step> absent;   // kEither
  };

  void OnUp() override;
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  void Plan();
  void PlanTrap();
  void PlanExisting(const TopicSpec& spec);
  void PlanGroup(const TopicSpec& spec, const std::string& group);
  void SendNext();
  void Advance(bool exists);
  void Finish(absl::Status status);

  Topology topology_;
  const std::string trap_;
  MonotonicTime now_;
  std::vector<Step> steps_;  // in reverse: the next one is at the back
  bool done_ = false;
  absl::Status status_;
  QueueSession session_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_ADMIN_H_
