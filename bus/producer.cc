#include "bus/producer.h"

#include <utility>

#include "bus/check.h"

namespace millrace::bus {

// Stands between driver and user during one Poll or Close.
class Producer::Checker final : public ProducerHandler {
 public:
  Checker(Producer& producer, ProducerHandler& user) : producer_(producer), user_(user) {}
  void OnConfirmed(const Confirm& confirm) override {
    producer_.Confirmed(confirm);
    user_.OnConfirmed(confirm);
  }
  void OnWritable() override { user_.OnWritable(); }
  void OnEnded(const absl::Status& status) override {
    producer_.Ended();
    user_.OnEnded(status);
  }
  void OnTrouble(const absl::Status& status) override { user_.OnTrouble(status); }

 private:
  Producer& producer_;
  ProducerHandler& user_;
};

Producer::Producer(std::unique_ptr<ProducerDriver> driver) : driver_(std::move(driver)) {
  MR_CHECK(driver_ != nullptr) << "a producer needs a driver";
}

Producer::~Producer() = default;

Producer::Taken Producer::Publish(std::span<const Outgoing> messages) {
  MR_CHECK(!closed_) << "Publish on a closed producer";
  MR_CHECK(!ending_) << "Publish while a transaction ends";
  if (messages.empty()) return {next_token_, 0};
  const size_t count = driver_->Publish(messages, next_token_);
  MR_CHECK(count <= messages.size()) << "driver: took " << count << " of " << messages.size() << " messages";
  const Taken taken{next_token_, count};
  if (count > 0) open_.Open(next_token_, next_token_ + count - 1);
  next_token_ += count;
  return taken;
}

void Producer::BeginEnd() {
  MR_CHECK(!closed_) << "ends a transaction on a closed producer";
  MR_CHECK(!ending_) << "ends a transaction while one ends";
  MR_CHECK(open_.empty()) << "ends a transaction with " << open_.size() << " publishes unanswered";
  ending_ = true;
}

void Producer::Commit(const TransactionOffsets& offsets) {
  MR_CHECK(!offsets.offsets.empty()) << "commits a transaction that settles nothing";
  BeginEnd();
  driver_->Commit(offsets);
}

void Producer::Abort() {
  BeginEnd();
  driver_->Abort();
}

void Producer::Ended() {
  MR_CHECK(ending_) << "driver: tells the end of a transaction that nobody has ended, or twice";
  ending_ = false;
}

void Producer::Poll(ProducerHandler& handler) {
  if (closed_) return;
  MR_CHECK(!polling_) << "Poll was called inside a handler's call";
  polling_ = true;
  Checker checker(*this, handler);
  driver_->Poll(checker);
  polling_ = false;
}

MonotonicTime Producer::NextTimer() const { return closed_ ? MonotonicTime::Infinite() : driver_->NextTimer(); }

absl::Status Producer::Close(ProducerHandler& handler, MonotonicTime deadline) {
  if (closed_) return close_status_;
  MR_CHECK(!polling_) << "Close was called inside a handler's call";
  // Before the driver is asked, so that a handler which publishes again on a failure is stopped here.
  closed_ = true;
  Checker checker(*this, handler);
  close_status_ = driver_->Close(checker, deadline);
  MR_CHECK(open_.empty()) << "driver: closed with " << open_.size() << " publishes unanswered";
  return close_status_;
}

void Producer::Confirmed(const Confirm& confirm) {
  MR_CHECK(confirm.count > 0) << "driver: an answer for nothing at token " << confirm.first;
  const uint64_t last = confirm.first + confirm.count - 1;
  MR_CHECK(open_.AllOpen(confirm.first, last)) << "driver: answers tokens " << confirm.first << " … " << last
                                               << ", of which some were answered before or never taken";
  open_.Close(confirm.first, last);
}

}  // namespace millrace::bus
