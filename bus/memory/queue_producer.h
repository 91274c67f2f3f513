// A ProducerDriver over a queue broker: one channel in confirm mode, every publish mandatory, confirms matched by tag.
//
// What becomes of a publish: OK when confirmed; FailedPrecondition when returned (no queue is bound: the topology has
// not been applied); ResourceExhausted when refused by a bounded topic, Unavailable when refused otherwise;
// DeadlineExceeded when the connection or channel went before the confirm came; InvalidArgument when it can never be
// taken. Exactly one of these, once.
//
// Threading: one thread at a time. Blocking: nothing blocks, Close neither: who has a clock polls until outstanding()
// is 0, then closes.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_PRODUCER_H_
#define MILLRACE_BUS_MEMORY_QUEUE_PRODUCER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bus/driver.h"
#include "bus/memory/queue_names.h"
#include "bus/memory/queue_ring.h"
#include "bus/memory/queue_session.h"

namespace millrace::bus {

struct QueueProducerOptions {
  QueueSessionOptions session;
  uint32_t window = 8192;  // most publishes without a confirm
  size_t message_bytes_max = 1'000'000;
  // Most bytes of key and headers together: on a real server they must fit one frame.
  size_t headers_bytes_max = SIZE_MAX;
};

class QueueProducer : public ProducerDriver, private QueueSession::Host {
 public:
  // `waker` is woken by the link; it is the same that the caller waits on.
  QueueProducer(std::vector<QueueTopic> topics, const QueueProducerOptions& options, std::unique_ptr<QueueLink> link,
                MonotonicTime now);

  // Time, before any other call; never goes back.
  void Advance(MonotonicTime now) { now_ = now; }

  // Once the connection has told it.
  void SetHeadersBytesMax(size_t bytes) { options_.headers_bytes_max = bytes; }

  size_t Publish(std::span<const Outgoing> messages, uint64_t first_token) override;
  void Poll(ProducerHandler& handler) override;
  MonotonicTime NextTimer() const override;
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline) override;

  // While nobody polls: see QueueSession::KeepAlive.
  void KeepAlive() { session_.KeepAlive(now_); }

  // Publishes taken and not answered yet.
  size_t outstanding() const { return open_ + answers_.size(); }
  bool connected() const { return ready_; }
  // What Publish would wait for; empty where it would take something.
  std::string Pending() const;

 private:
  enum class State : uint8_t { kOpen, kReturned, kDone };
  struct Sent {
    uint64_t token = 0;
    int32_t topic = 0;
    State state = State::kOpen;
  };

  void OnUp() override;
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  void OnConfirm(const Event& event);
  void Settle(Sent& sent, bool acked);
  void ChannelClosed(const Event& event);
  void Answer(uint64_t token, const absl::Status& status);
  // Everything that is open gets `status`; those of topics named in `missing` get FailedPrecondition.
  void AnswerAll(const absl::Status& status, const std::string& missing);
  bool Writable() const { return Taking() && Room(); }
  // Its two halves: what only events change, and what publishing does.
  bool Taking() const { return ready_ && !closed_ && session_.taking(); }
  bool Room() const { return open_ < options_.window && session_.room(); }
  absl::Status Check(const Outgoing& out) const;

  std::vector<QueueTopic> topics_;
  QueueProducerOptions options_;
  MonotonicTime now_;
  QueueSession session_;
  std::vector<std::string> routing_keys_;
  bool ready_ = false;    // the channel is open and in confirm mode
  bool starved_ = false;  // Publish took less than it was given
  bool closed_ = false;
  MonotonicTime reopen_at_ = MonotonicTime::Infinite();
  Request request_;
  uint64_t first_tag_ = 1;  // of sent_[0]
  Ring<Sent> sent_;
  size_t open_ = 0;
  std::vector<Confirm> answers_;
  std::vector<Confirm> telling_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_PRODUCER_H_
