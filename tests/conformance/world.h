// Consumers and producers under test, and the loop that runs them.
//
//   World world(backend.make());
//   world.Apply("t", 2, {"g"});
//   Feeder& feeder = world.OpenFeeder({"t"});
//   Member& member = world.Join("g", {"t"});
//   feeder.SendText(0, 1, "hello");
//   ASSERT_TRUE(world.RunUntil([&] { return member.got.size() == 1; }));
//   member.Finish(member.got[0]);
//
// The loop polls who has been woken or whose timer is due, and nobody else: a driver that forgets to wake its user
// stalls here.
//
// Threading: a World belongs to one thread. No gtest in here, so that worlds can run on threads of their own.
#ifndef MILLRACE_TESTS_CONFORMANCE_WORLD_H_
#define MILLRACE_TESTS_CONFORMANCE_WORLD_H_

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/consumer.h"
#include "bus/producer.h"
#include "tests/conformance/harness.h"

namespace millrace::conformance {

using bus::Holding;
using bus::Partition;

class WakeFlag final : public bus::Waker {
 public:
  explicit WakeFlag(Signal& signal) : signal_(signal) {}
  void Wake() override {
    woken_.store(true);
    signal_.Raise();
  }
  // Whether there was a Wake since the last call. True the first time: a new driver is polled once unasked.
  bool Take() { return woken_.exchange(false); }
  bool woken() const { return woken_.load(); }

 private:
  Signal& signal_;
  std::atomic<bool> woken_{true};
};

// A message that owns its bytes.
struct Owned {
  std::optional<std::string> key;
  std::optional<std::string> body;
  std::string headers;  // a HeaderBuilder's block
  int64_t timestamp_ms = 0;
  bus::Message View() const;
};

// A delivery that was kept, with the segment that its bytes lie in.
struct Got {
  Holding holding;
  bus::Delivery delivery;
  bus::SegmentRef segment;
  std::string text() const { return std::string(delivery.message.body.value_or("(null)")); }
};

// A consumer that writes down what it is told.
class Member final : public bus::ConsumerHandler {
 public:
  struct Revocation {
    Holding holding;
    MonotonicTime deadline;
  };
  struct Noted {
    Holding holding;
    absl::Status status;
  };

  Member(std::string instance, const bus::Capabilities& capabilities, Signal& signal);

  // ---- how it behaves
  bool finish_at_once = false;  // finishes each delivery inside the call
  bool release_at_once = true;  // releases inside OnRevoking
  bool frozen = false;          // is not polled
  // Told everything too, before it is written down here; outlives the member's consumer. For tests that want the order of
  // what is told.
  bus::ConsumerHandler* witness = nullptr;

  // ---- what it was told, since it joined
  std::vector<Got> got;
  std::vector<bus::Assignment> assigned;
  std::vector<Revocation> revoked;
  std::vector<Holding> lost;
  std::vector<Noted> noted;
  std::vector<absl::Status> troubles;
  size_t largest_batch = 0;

  // Done with a message: settles it as far as the backend can. On a prefix, what lies behind an unfinished message
  // stays unsettled. Aborted where the holding is over.
  absl::Status Finish(const Got& message);
  absl::Status FinishAll();
  // Whether it was delivered under a holding that goes on, and is not finished.
  bool CanFinish(const Got& message) const;
  // Also those of a holding released or lost; sees whether the settlement that covers it was taken by the front.
  bool Settled(const Got& message) const;
  absl::Status Note(Holding holding, const std::string& note);
  // What a transaction has to carry to settle all that was delivered of a holding; Committed once it was committed.
  absl::StatusOr<bus::TransactionOffsets> Prepare(Holding holding, const std::string& note = "");
  void Committed(Holding holding, const std::string& note = "");
  absl::Status Release(Holding holding) { return consumer->Release(holding); }
  void ReleaseRevoked();

  // The live holding of a partition; epoch 0 where there is none.
  Holding HoldingOf(Partition partition) const;
  const bus::Assignment& AssignmentOf(Holding holding) const;
  std::vector<std::string> Texts() const;
  size_t CountOf(Partition partition) const;
  bool alive() const { return consumer != nullptr && !consumer->closed(); }
  const std::string& instance() const { return instance_; }

  void OnAssigned(std::span<const bus::Assignment> assignments) override;
  void OnRevoking(std::span<const Holding> holdings, MonotonicTime deadline) override;
  void OnLost(std::span<const Holding> holdings) override;
  void OnDelivered(const bus::DeliveryBatch& batch) override;
  void OnNoted(Holding holding, const absl::Status& status) override;
  void OnTrouble(const absl::Status& status) override;

  std::unique_ptr<bus::Consumer> consumer;
  WakeFlag waker;

 private:
  struct Progress {
    std::map<uint64_t, bool> open;  // delivered and not settled → finished
    uint64_t next = 0;              // kPrefix: what is committed
    uint64_t delivered_end = 0;     // one above the highest delivered
  };
  std::string instance_;
  const bus::Settlement settlement_;
  // Where the holding of `message` has one; every delivery does.
  const Progress& ProgressOf(const Got& message) const;
  struct bus::Settle Whole(Holding holding, const std::string& note);
  std::map<bus::Epoch, std::map<Partition, Progress>> progress_;
};

// A producer that keeps what it could not hand over yet, and what became of the rest.
class Feeder final : public bus::ProducerHandler {
 public:
  struct Sent {
    bus::Outgoing outgoing;  // its views point into `message`
    Owned message;
    std::optional<absl::Status> answer;
  };

  explicit Feeder(Signal& signal) : waker(signal) {}

  void Send(int32_t topic, int32_t partition, Owned message);
  void SendText(int32_t topic, int32_t partition, const std::string& text);
  // Sends `count` messages "<prefix>0", "<prefix>1", … to one partition.
  void SendSeries(int32_t topic, int32_t partition, const std::string& prefix, int count);

  // Everything ever sent, in order; index + 1 is its token once it was taken.
  std::deque<Sent> sent;
  size_t taken = 0;  // the first so many of `sent`
  size_t answered = 0;
  size_t writable_calls = 0;
  std::vector<absl::Status> ends;  // of transactions
  bool AllAnswered() const { return answered == sent.size(); }
  size_t CountOf(absl::StatusCode code) const;

  void OnConfirmed(const bus::Confirm& confirm) override;
  void OnWritable() override;
  void OnEnded(const absl::Status& status) override { ends.push_back(status); }
  // Offers what waits, where the last offer was taken whole or OnWritable has come since.
  void Offer();

  std::unique_ptr<bus::Producer> producer;
  WakeFlag waker;
  size_t batch = 64;  // most messages in one Publish

 private:
  bool blocked_ = false;
};

class World {
 public:
  explicit World(std::unique_ptr<Harness> harness);
  ~World();
  Harness& harness() { return *harness_; }
  bus::Bus& bus() { return harness_->bus(); }
  const bus::Capabilities& capabilities() { return harness_->bus().capabilities(); }
  bool Prefix() { return capabilities().settlement == bus::Settlement::kPrefix; }
  const Timing& timing() { return harness_->timing(); }
  MonotonicTime Now() { return harness_->Now(); }
  MonotonicTime DeadlineIn(Duration d) { return Now() + d; }

  // Names are the short ones, here and below.
  absl::Status Apply(bus::TopicSpec spec);
  absl::Status Apply(const std::string& topic, int32_t partitions, const std::vector<std::string>& groups);
  // Options with the harness's timing and names; `instance` is numbered.
  bus::ConsumerOptions Options(const std::string& group, const std::vector<std::string>& topics);
  // Ends the process where the bus refuses: for tests that are not about that.
  Member& Join(const std::string& group, const std::vector<std::string>& topics);
  Member& Join(const bus::ConsumerOptions& options);
  Feeder& OpenFeeder(const std::vector<std::string>& topics, const bus::TransactionOptions& transaction = {});
  // The options of a transactional producer under this id, beside consumers of `inputs`.
  bus::TransactionOptions Transaction(const std::string& id, const std::vector<std::string>& inputs);

  void Kill(Member& member);
  void Kill(Feeder& feeder);
  absl::Status Close(Member& member);
  absl::Status Close(Feeder& feeder);

  // Polls once everyone who has been woken or is due.
  void Pump();
  // Runs until `done` (true) or until `limit` is over (false). The default limit is timing().limit.
  bool RunUntil(const std::function<bool()>& done);
  bool RunUntil(const std::function<bool()>& done, Duration limit);
  void RunFor(Duration time);
  // Runs for timing().quiet: for tests that nothing more happens.
  void RunQuiet() { RunFor(timing().quiet); }

  // Of each partition of a topic; waits while a broker cannot tell.
  std::vector<bus::PartitionLag> Lags(const std::string& group, const std::string& topic);
  // Sum of lag over the partitions of a topic.
  int64_t Lag(const std::string& group, const std::string& topic);
  // The same in offsets, whether there is something to read at them or not.
  int64_t OffsetsBehind(const std::string& group, const std::string& topic);

  std::deque<std::unique_ptr<Member>>& members() { return members_; }
  // Raise it to have RunUntil look again: for what a test runs beside consumers and producers.
  Signal& signal() { return signal_; }

 private:
  MonotonicTime NextTimer() const;
  // Who keeps the loop from letting time pass, for people.
  std::string Awake() const;

  std::unique_ptr<Harness> harness_;
  Signal signal_;
  std::deque<std::unique_ptr<Member>> members_;
  std::deque<std::unique_ptr<Feeder>> feeders_;
  int joined_ = 0;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_WORLD_H_
