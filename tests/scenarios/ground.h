// What a scenario is played on: a model, or a real broker, with an operator's hand for what clients cannot do.
//
// Threading: one thread at a time each; several exist at a time.
#ifndef MILLRACE_TESTS_SCENARIOS_GROUND_H_
#define MILLRACE_TESTS_SCENARIOS_GROUND_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/memory/log_wire.h"
#include "bus/memory/queue_wire.h"
#include "tests/conformance/harness.h"
#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

// The same for models and brokers, so that what depends on time does so alike.
inline constexpr conformance::Timing kTiming{.session_timeout = std::chrono::seconds(3),
                                             .heartbeat_interval = std::chrono::milliseconds(200),
                                             .revoke_timeout = std::chrono::seconds(20),
                                             .limit = std::chrono::seconds(40),
                                             .quiet = std::chrono::milliseconds(1200)};

class Ground {
 public:
  virtual ~Ground() = default;
  virtual Family family() const = 0;
  // On a real one a barrier waits for what it expects. Simulated time shows by itself when nothing more comes.
  virtual bool real() const = 0;
  // The bus for the drivers. Called once, first; the ground outlives it.
  virtual std::unique_ptr<conformance::Harness> MakeHarness(const Scenario& scenario) = 0;
  // What tells a member's name on the broker from the same of other processes.
  virtual std::string InstanceSuffix() const { return ""; }

  // For clients below the drivers; of its own family.
  virtual std::unique_ptr<bus::LogLink> OpenLog(bus::Waker& waker);
  virtual std::unique_ptr<bus::QueueLink> OpenQueue(bus::Waker& waker);

  // Operators. Unimplemented where that is nothing for this family. Names are those on the broker.
  virtual absl::Status StopBroker(bool kill);
  virtual absl::Status StartBroker();
  virtual absl::Status Expel(const std::string& group);
  virtual absl::Status Retention(const std::string& topic, int32_t partition, int64_t before);
  virtual absl::Status Alarm(bool on);
  // What the broker says: a name of Kafka's errors, or NONE.
  virtual absl::StatusOr<std::string> DeleteGroup(const std::string& group);
};

inline absl::Status NotHere() { return absl::UnimplementedError("this kind of broker has no such thing"); }
inline std::unique_ptr<bus::LogLink> Ground::OpenLog(bus::Waker&) { return nullptr; }
inline std::unique_ptr<bus::QueueLink> Ground::OpenQueue(bus::Waker&) { return nullptr; }
inline absl::Status Ground::StopBroker(bool) { return NotHere(); }
inline absl::Status Ground::StartBroker() { return NotHere(); }
inline absl::Status Ground::Expel(const std::string&) { return NotHere(); }
inline absl::Status Ground::Retention(const std::string&, int32_t, int64_t) { return NotHere(); }
inline absl::Status Ground::Alarm(bool) { return NotHere(); }
inline absl::StatusOr<std::string> Ground::DeleteGroup(const std::string&) { return NotHere(); }

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_GROUND_H_
