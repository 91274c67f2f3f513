// What a user of the bus holds to consume: a ConsumerDriver behind checks of the contract, the same for every backend.
//
//   Consumer consumer(*bus->OpenConsumer(options, waker), bus->capabilities());
//   while (running) {
//     absl::Status trouble = consumer.PollEach([&](const DeliveryBatch& batch) {
//       for (const Delivery& d : batch.deliveries) Work(d.message);
//       consumer.SettleAll(batch).IgnoreError();             // Aborted: it went to somebody else
//     });
//     ...wait for the waker, or until consumer.NextTimer()...
//   }
//   absl::Status taken = consumer.Close(clock.Now() + std::chrono::seconds(10));
//
// Effect      Settlements of a holding that is over never reach the driver (Aborted); those that name what was not
//             delivered or is settled already are refused (InvalidArgument) and change nothing. What the driver says
//             is checked too: epochs grow, sequences ascend within a holding, nothing is delivered outside one, nor
//             after OnRevoking. A driver that breaks this is our bug and ends the process.
// Blocking    only Close, up to its deadline.
// Errors      Aborted: stale epoch, or closed. InvalidArgument: the caller's mistake, explained.
// Threading   one thread at a time. Settle, Flow and Release may be called inside a handler's calls; Poll and Close
//             may not.
// Ownership   owns the driver; the Bus and the Waker outlive it. Destroying it without Close is a crash as far as the
//             group can tell: what was not settled comes back to another member after the session's time-out.
// Cost        tens of nanoseconds a batch; nothing is allocated once windows have reached their size.
#ifndef MILLRACE_BUS_CONSUMER_H_
#define MILLRACE_BUS_CONSUMER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/capabilities.h"
#include "bus/clock.h"
#include "bus/delivery.h"
#include "bus/driver.h"
#include "bus/open_set.h"
#include "bus/partition.h"

namespace millrace::bus {

class Consumer {
 public:
  // `driver` is not null; `capabilities` are those of the bus it comes from.
  Consumer(std::unique_ptr<ConsumerDriver> driver, const Capabilities& capabilities);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Tells `handler` what has happened since the last Poll. After Close: nothing.
  void Poll(ConsumerHandler& handler);

  // For a plain loop: calls `on_batch(const DeliveryBatch&)` for each batch, then gives back at once what was revoked
  // meanwhile. So `on_batch` finishes its work before it returns, and settles what it has finished. Returns the last
  // trouble told in this Poll, else OK.
  template <typename OnBatch>
  absl::Status PollEach(OnBatch&& on_batch);

  // When Poll should be called even without a Wake; Infinite after Close.
  MonotonicTime NextTimer() const;

  // Marks messages as done with; see struct Settle. All or nothing.
  absl::Status Settle(const struct Settle& settle);
  // The same for a transaction: what Producer::Commit takes. All or nothing, and nothing is settled yet: once it was
  // committed, Settle each with `committed`.
  absl::StatusOr<TransactionOffsets> Prepare(std::span<const struct Settle> settles);
  // All of one batch; with Settlement::kPrefix everything before it too.
  absl::Status SettleAll(const DeliveryBatch& batch);

  // Stops or resumes deliveries of a partition; at most one batch may still come.
  absl::Status Flow(Holding holding, bool on);
  // Gives a partition up, asked by OnRevoking or not. The holding is over at once for the caller.
  absl::Status Release(Holding holding);

  // Leaves the group: every holding is over, settlements sent before are awaited up to `deadline`. OK only when the
  // broker has taken all of them. A second Close returns what the first did.
  absl::Status Close(MonotonicTime deadline);

  bool closed() const { return closed_; }
  bool Holds(Holding holding) const { return Find(holding) != held_.size(); }
  size_t held() const { return held_.size(); }
  // In the order they were given. Allocates: for people and tests.
  std::vector<Holding> holdings() const;

 private:
  class Checker;

  struct Held {
    Holding holding;
    bool revoking = false;
    uint64_t next_delivery = 0;  // the lowest sequence that may still be delivered
    uint64_t next_settle = 0;    // kPrefix: what is committed
    uint64_t notes_open = 0;     // settlements with a note and no answer yet
    OpenSet open;                // kIndividual: delivered and not settled
  };
  struct OpenNotes {
    Holding holding;
    uint64_t count = 0;
  };

  // The index into held_, or held_.size().
  size_t Find(Holding holding) const;
  void EndHolding(size_t index);
  absl::Status CheckPrefix(const struct Settle& settle, const Held& held) const;
  absl::Status CheckIndividual(const struct Settle& settle, const Held& held) const;
  void ReleaseRevoking();

  // What the driver says, checked.
  void Assigned(std::span<const Assignment> assignments);
  void Revoking(std::span<const Holding> holdings);
  void Lost(std::span<const Holding> holdings);
  void Delivered(const DeliveryBatch& batch);
  void Noted(Holding holding);

  const std::unique_ptr<ConsumerDriver> driver_;
  const Settlement settlement_;
  const bool notes_;
  std::vector<Held> held_;           // ascending by (epoch, partition)
  std::vector<OpenNotes> departed_;  // holdings that are over with notes still unanswered
  mutable size_t hint_ = 0;          // where Find was lucky last
  Epoch last_epoch_ = 0;
  bool polling_ = false;
  bool closed_ = false;
  absl::Status close_status_;
};

// Forwards to `on_batch`; the rest is answered by PollEach.
template <typename OnBatch>
class BatchHandler final : public ConsumerHandler {
 public:
  explicit BatchHandler(OnBatch& on_batch) : on_batch_(on_batch) {}
  void OnAssigned(std::span<const Assignment>) override {}
  void OnRevoking(std::span<const Holding>, MonotonicTime) override {}
  void OnLost(std::span<const Holding>) override {}
  void OnDelivered(const DeliveryBatch& batch) override { on_batch_(batch); }
  void OnNoted(Holding, const absl::Status&) override {}
  void OnTrouble(const absl::Status& status) override { trouble_ = status; }
  const absl::Status& trouble() const { return trouble_; }

 private:
  OnBatch& on_batch_;
  absl::Status trouble_;
};

template <typename OnBatch>
absl::Status Consumer::PollEach(OnBatch&& on_batch) {
  BatchHandler<std::remove_reference_t<OnBatch>> handler(on_batch);
  Poll(handler);
  ReleaseRevoking();
  return handler.trouble();
}

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_CONSUMER_H_
