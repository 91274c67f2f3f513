// The conformance suite: one set of tests for every backend, written against the contract in bus/*.h alone. A backend
// adds a harness (this interface), a line that instantiates the suite for it, and a list of tests that cannot apply to
// it, with the reason of each:
//
//   INSTANTIATE_TEST_SUITE_P(MemLog, Conformance, ::testing::Values(Backend{...}), NameOf);     // memory_log_test.cc
//   is the worked example
//
// A test that needs what the harness lacks fails unless the list names it; one that the list names and that could run
// fails too. Nothing is skipped in silence.
//
// Reading order: this file → world.h (consumers and producers under test, and how time runs) → conformance.h (the
// fixture) → the tests.
#ifndef MILLRACE_TESTS_CONFORMANCE_HARNESS_H_
#define MILLRACE_TESTS_CONFORMANCE_HARNESS_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/clock.h"
#include "bus/consumer.h"
#include "bus/producer.h"

namespace millrace::conformance {

// What goes beyond bus::Capabilities: properties of the backend, and faults that the harness knows how to make.
enum class Ability {
  kCooperative,      // incremental rebalancing: partitions that stay are not touched
  kRevokeDeadline,   // who does not release in time loses the partition
  kStaticMembers,    // ConsumerOptions::static_id: who comes back in time finds its partitions as it left them
  kCapacity,         // ConsumerOptions::capacity is honoured
  kRedeliveryCount,  // Delivery::redeliveries counts
  kBacklogBound,     // TopicSpec::backlog_bytes_max is honoured
  kExpireSession,    // ExpireSession
  kRestartBroker,    // StopBroker, StartBroker
  kDestroy,          // Destroy
  kGap,              // MakeGap
  kRefusePublish,    // RefusePublishes
  kBlockPublishing,  // BlockPublishing
};

// How fast things go. On a simulated clock generous, on a real one as short as the broker allows.
struct Timing {
  Duration session_timeout{};     // ConsumerOptions
  Duration heartbeat_interval{};  // ConsumerOptions
  Duration revoke_timeout{};      // ConsumerOptions
  Duration limit{};               // the longest that anything which must happen may take
  Duration quiet{};               // how long to look on where nothing may happen
};

// Raised by the wakers of consumers and producers, from any thread.
class Signal {
 public:
  void Raise() {
    std::lock_guard<std::mutex> lock(mutex_);
    raised_ = true;
    raised_changed_.notify_all();
  }
  // For harnesses on real time: returns when raised (and lowers it) or after `most`.
  void Await(Duration most) {
    std::unique_lock<std::mutex> lock(mutex_);
    raised_changed_.wait_for(lock, most, [this] { return raised_; });
    raised_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable raised_changed_;
  bool raised_ = false;
};

// A bus with nothing in it, and the power to disturb it. Every test gets a new one; several exist at a time, used by
// different threads.
class Harness {
 public:
  virtual ~Harness() = default;
  virtual bus::Bus& bus() = 0;
  // A topic's or group's name on the broker, for the tests' short name: no other harness gives the same.
  virtual std::string Name(const std::string& name) = 0;
  virtual const Timing& timing() const = 0;
  virtual bool Has(Ability ability) const = 0;

  virtual MonotonicTime Now() = 0;
  // Lets time pass: returns at `until`, or earlier where `signal` was raised. Simulated time goes to `until` at once.
  virtual void WaitUntil(MonotonicTime until, Signal& signal) = 0;

  // ------------------------------------------------------------ faults; called only where Has says so
  // The process that holds the consumer dies. Settlements made before may or may not have been taken.
  virtual void Kill(std::unique_ptr<bus::Consumer> consumer) { consumer.reset(); }
  virtual void Kill(std::unique_ptr<bus::Producer> producer) { producer.reset(); }
  // The group's coordinator gives the member up, while the member has not noticed. It is not polled from before this
  // call until its partitions have gone to others.
  virtual void ExpireSession(const std::string& instance) { static_cast<void>(instance); }
  // All connections break and nothing answers. What was confirmed survives.
  virtual void StopBroker() {}
  virtual void StartBroker() {}
  // Destroys all that a group has not settled in a partition, and more may be published afterwards (retention; a queue
  // deleted).
  virtual void Destroy(const std::string& topic, int32_t partition) {
    static_cast<void>(topic), static_cast<void>(partition);
  }
  // Leaves numbers unused at the end of a partition, as a transaction marker does.
  virtual void MakeGap(const std::string& topic, int32_t partition) {
    static_cast<void>(topic), static_cast<void>(partition);
  }
  // The broker refuses the next `count` publishes to a partition.
  virtual void RefusePublishes(const std::string& topic, int32_t partition, int count) {
    static_cast<void>(topic), static_cast<void>(partition), static_cast<void>(count);
  }
  // Nothing published gets through until unblocked, but for the first few that are on their way.
  virtual void BlockPublishing(bool on) { static_cast<void>(on); }
};

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Harness>()> make;
  // A file in the runfiles: a line each "TestName: reason"; # begins a comment.
  std::string not_applicable;
  int sequences = 30;  // how many generated sequences are run
  // The model that stands for this backend in simulations; none for a model itself.
  std::function<std::unique_ptr<Harness>()> model = nullptr;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_HARNESS_H_
