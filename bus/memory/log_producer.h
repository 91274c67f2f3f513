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
// What the broker refuses is told as trouble too, each time: it is tried again, and only people can mend most of it.
//
// With a transactional id (log_producer_transactions.cc) it initialises under that on each connection, and whenever the
// broker has fenced it, with back-off; until then Publish takes nothing. So nothing that is still on its way from before
// can end, or add to, a transaction that has begun since. Whether a commit without an answer was taken is read from the
// group's committed offsets, which cannot change any more by then.
//
// Threading: one thread at a time. Handlers may call Publish from inside their calls, but not Poll or Close.
// Blocking: nothing blocks, Close neither: over links with a delay, Poll until outstanding() is 0, then Close.
#ifndef MILLRACE_BUS_MEMORY_LOG_PRODUCER_H_
#define MILLRACE_BUS_MEMORY_LOG_PRODUCER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bus/bus.h"
#include "bus/driver.h"
#include "bus/memory/log_wire.h"
#include "bus/open_set.h"

namespace millrace::bus {

struct LogProducerOptions {
  Duration reconnect_min = std::chrono::milliseconds(100);
  Duration reconnect_max = std::chrono::seconds(5);
  TransactionOptions transaction;
  // Between tries to initialise, and of requests that the coordinator could not answer.
  Duration retry_min = std::chrono::milliseconds(100);
  Duration retry_max = std::chrono::seconds(5);
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
  void Commit(const TransactionOffsets& offsets) override;
  void Abort() override;

  // While nobody polls: a log broker asks no sign of life of producers.
  void KeepAlive() {}

  // Publishes taken and not told yet.
  size_t outstanding() const { return open_.size() + answered_messages_; }
  bool connected() const {
    return !topic_ids_.empty() && connected_ && (session_ == Session::kReady || !transactional());
  }

 private:
  // Takes in what the broker says. True: there was something.
  bool Pump();
  void OnDisconnected(const LogEvent& event);
  void AskMetadata();
  void OnMetadata(const LogEvent& event);
  void OnProduced(const LogEvent& event);
  // Everything that is open.
  void AnswerOpen(const absl::Status& status);
  void Answer(uint64_t first, uint64_t count, const absl::Status& status);
  bool Tell(ProducerHandler& handler);
  static absl::Status StatusOf(LogError error);
  // In the broker's own words, where it has said more than the code.
  static absl::Status StatusOf(const LogEvent& event);

  // log_producer_transactions.cc
  enum class Session : uint8_t { kNone, kAsked, kReady };  // under the transactional id, on this connection
  enum class Ending : uint8_t {
    kNone,
    kOffsets,  // a commit: its offsets are on their way, or wait for the session
    kEnd,
    kResolve,  // a commit without an answer: was it taken?
  };
  bool transactional() const { return !options_.transaction.id.empty(); }
  // Whether there is something to ask, as soon as it is time.
  bool WantsStep() const;
  void StepTransaction();
  void OnTransactionReply(const LogEvent& event);
  void OnInitialised(const LogEvent& event);
  void OnOffsetTaken(const LogEvent& event);
  void OnEndAnswered(const LogEvent& event);
  void OnResolved(const LogEvent& event);
  void OnSessionLost(const absl::Status& why);
  void OnFenced(LogError error);
  static bool Fences(LogError error);
  // Offsets that were not taken: whether people have to hear of it.
  static bool StandsInTheWay(const LogEvent& event);
  void OnNoteRefused();
  // Something of a transaction is on its way.
  void Begun();
  void Trouble(const absl::Status& why);
  void SendOffsets();
  void SendEnd(bool commit);
  void Ended(const absl::Status& status);
  void RetryLater();
  Partition BrokerPartition(const TransactionOffsets::Offset& offset) const;

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
  uint32_t refusals_ = 0;  // that have ended a connection since a message was last taken
  MonotonicTime connect_at_;
  std::vector<int32_t> topic_ids_;  // empty until known
  std::vector<LogEvent> events_;
  OpenSet open_;  // tokens taken and not answered
  size_t answered_messages_ = 0;
  std::vector<Confirm> answers_;
  std::vector<Confirm> telling_;

  std::vector<int32_t> input_ids_;
  Session session_ = Session::kNone;
  uint32_t retries_ = 0;
  MonotonicTime retry_at_;
  uint64_t next_id_ = 2;
  uint64_t asked_id_ = 0;      // of the last kInitProducer, kEndTransaction or kOffsets; 0: answered
  uint64_t first_offset_ = 0;  // ids of the kTransactOffsets on their way
  size_t offsets_open_ = 0;
  bool begun_ = false;  // something was published since the last end
  MonotonicTime began_;
  bool gone_ = false;  // … and the broker has aborted it, or will when we initialise
  Ending ending_ = Ending::kNone;
  bool committing_ = false;
  TransactionOffsets offsets_;
  size_t note_bytes_max_ = SIZE_MAX;   // as far as the broker has let it be known
  absl::Status refused_;               // why the commit under way became an abort
  std::optional<absl::Status> ended_;  // to be told
  std::vector<absl::Status> troubles_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_PRODUCER_H_
