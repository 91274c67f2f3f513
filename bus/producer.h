// What a user of the bus holds to publish: a ProducerDriver behind checks of the contract, the same for every backend.
//
//   Producer producer(*bus->OpenProducer({.topics = {"raw"}}, waker));
//   Producer::Taken taken = producer.Publish(messages);      // tokens taken.first … taken.first + taken.count - 1
//   messages = messages.subspan(taken.count);                // the rest: again after OnWritable
//   ...
//   producer.Poll(handler);                                  // handler.OnConfirmed answers each token once
//   absl::Status all = producer.Close(handler, clock.Now() + std::chrono::seconds(10));
//
// Effect      Assigns tokens 1, 2, 3, … in the order taken, and sees that each is answered exactly once; a driver
//             that answers twice, or what was never taken, or leaves something unanswered at Close, is our bug and
//             ends the process.
// Blocking    only Close, up to its deadline.
// Errors      come per message through OnConfirmed. Publishing after Close is a programming error.
// Threading   one thread at a time. Publish may be called inside a handler's calls; Poll and Close may not.
// Ownership   owns the driver; the Bus and the Waker outlive it. Destroying it without Close leaves the outcome of
//             what is pending unknown.
// Cost        a few nanoseconds a batch; nothing is allocated once the window has reached its size (a bit for each
//             token from the oldest unanswered one).
#ifndef MILLRACE_BUS_PRODUCER_H_
#define MILLRACE_BUS_PRODUCER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/open_set.h"

namespace millrace::bus {

class Producer {
 public:
  // `driver` is not null.
  explicit Producer(std::unique_ptr<ProducerDriver> driver);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  struct Taken {
    uint64_t first = 0;  // token of the first message
    size_t count = 0;    // how many of them were taken; fewer than offered: offer the rest after OnWritable
  };
  // Hands over a prefix of `messages`, whose bytes are copied.
  Taken Publish(std::span<const Outgoing> messages);
  // The token that the next message taken will have.
  uint64_t next_token() const { return next_token_; }

  // Tells `handler` what has happened since the last Poll. After Close: nothing.
  void Poll(ProducerHandler& handler);
  // When Poll should be called even without a Wake; Infinite after Close.
  MonotonicTime NextTimer() const;

  // Ends the transaction; see ProducerDriver. Only when each publish is answered, and the transaction before has ended.
  // Publishing is a programming error until OnEnded. `offsets` names one partition at least.
  void Commit(const TransactionOffsets& offsets);
  void Abort();

  // How many messages were taken and not answered yet.
  uint64_t Pending() const { return open_.size(); }

  // Waits until everything taken is answered, at most until `deadline`; what is open then is answered with
  // DeadlineExceeded, and that is returned. A handler must not publish again from here. A second Close returns what the
  // first did.
  absl::Status Close(ProducerHandler& handler, MonotonicTime deadline);
  bool closed() const { return closed_; }

 private:
  class Checker;
  void Confirmed(const Confirm& confirm);
  void BeginEnd();
  void Ended();

  const std::unique_ptr<ProducerDriver> driver_;
  OpenSet open_;
  uint64_t next_token_ = 1;
  bool polling_ = false;
  bool ending_ = false;  // a transaction
  bool closed_ = false;
  absl::Status close_status_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_PRODUCER_H_
