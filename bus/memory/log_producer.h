// A ProducerDriver over a log broker. The bytes are the link's from Publish on: a direct link appends them at once,
// another keeps them.
//
// What becomes of a publish: OK when appended; InvalidArgument when it is too large; FailedPrecondition for a partition
// that is not there; Unavailable when the broker refused it, with nothing appended; DeadlineExceeded when the
// connection went before the answer came. Exactly one of these, once.
//
// Publish takes nothing while there is no connection, and less than it is given while a topic's backlog is full:
// OnWritable follows.
//
// Threading: one thread at a time. Handlers may call Publish from inside their calls, but not Poll or Close.
// Blocking: nothing blocks, Close neither: over links with a delay, Poll until outstanding() is 0, then Close.
#ifndef MILLRACE_BUS_MEMORY_LOG_PRODUCER_H_
#define MILLRACE_BUS_MEMORY_LOG_PRODUCER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bus/driver.h"
#include "bus/memory/log_wire.h"
#include "bus/open_set.h"

namespace millrace::bus {

struct LogProducerOptions {
  Duration reconnect_min = std::chrono::milliseconds(100);
  Duration reconnect_max = std::chrono::seconds(5);
};

class LogProducer : public ProducerDriver {
 public:
  LogProducer(std::vector<std::string> topics, const LogProducerOptions& options, std::unique_ptr<LogLink> link,
              MonotonicTime now);

  // Time, before any other call; never goes back.
  void Advance(MonotonicTime now) { now_ = now; }

  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override;
  void Poll(ProducerHandler& handler) override;
  MonotonicTime NextTimer() const override;
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) override;

  // While nobody polls: a log broker asks no sign of life of producers.
  void KeepAlive() {}

  // Publishes taken and not told yet.
  size_t outstanding() const { return open_.size() + answered_messages_; }
  bool connected() const { return !topic_ids_.empty() && connected_; }

 private:
  // Takes in what the broker says. True: there was something.
  bool Pump();
  void OnDisconnected();
  void OnMetadata(const LogEvent& event);
  void OnProduced(const LogEvent& event);
  // Everything that is open.
  void AnswerOpen(const absl::Status& status);
  void Answer(uint64_t first, uint64_t count, const absl::Status& status);
  bool Tell(ProducerHandler& handler);

  const std::vector<std::string> topics_;
  const LogProducerOptions options_;
  std::unique_ptr<LogLink> link_;
  MonotonicTime now_;
  bool connected_ = false;
  bool connecting_ = false;
  bool closed_ = false;
  bool starved_ = false;   // Publish took less than it was given
  bool writable_ = false;  // and would take more now
  bool in_poll_ = false;
  bool due_ = false;
  uint32_t failures_ = 0;
  MonotonicTime connect_at_;
  std::vector<int32_t> topic_ids_;  // empty until known
  std::vector<LogEvent> events_;
  OpenSet open_;  // tokens taken and not answered
  size_t answered_messages_ = 0;
  std::vector<Confirm> answers_;
  std::vector<Confirm> telling_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_PRODUCER_H_
