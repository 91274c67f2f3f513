// Private to the oracle: the way of one plan's jobs through the stages, one stage after the other.
//
// Threading: one thread. Ownership: subject, options, plan and segments outlive it.
#ifndef MILLRACE_SIM_ORACLE_WALK_H_
#define MILLRACE_SIM_ORACLE_WALK_H_

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bus/capabilities.h"
#include "bus/segment.h"
#include "sim/final_state.h"
#include "sim/history.h"
#include "sim/plan.h"
#include "sim/run_options.h"
#include "sim/sim_clock.h"
#include "sim/subject.h"
#include "stages/attempt_runner.h"
#include "stages/port.h"
#include "stages/port_world.h"

namespace millrace::sim {

absl::Status NotForTheOracle(std::string why);

class OracleWalk {
 public:
  OracleWalk(const Subject& subject, const RunOptions& options, const Plan& plan, bus::SegmentPool* segments);
  ~OracleWalk();

  absl::Status OpenPorts();
  absl::Status HandOver(std::span<const uint32_t> left_out);
  // `behind`: another stage writes what it reads.
  absl::Status RunStage(uint16_t stage, bool behind);
  History Finish();

 private:
  class QuietPort;

  // A message as it lies on a topic that stages read.
  struct Lying {
    bus::Message message;
    int32_t partition = 0;
    uint64_t sequence = 0;
    int64_t at_ns = 0;     // when its job was handed over
    std::string_view job;  // its name
  };

  struct Topic {
    std::vector<Lying> lying;        // where stages read it
    std::vector<Standing> standing;  // where nobody does
    std::vector<uint64_t> ends;      // by partition
  };
  // A stage at work.
  struct Desk {
    uint16_t stage = 0;
    bool behind = false;  // another stage writes what it reads
    std::unique_ptr<stages::AttemptRunner> runner;
    stages::AttemptGroup group;
    std::vector<const Lying*> at_work;                    // of the group's items
    std::vector<std::pair<const Lying*, uint32_t>> left;  // to be tried (again): and which attempt it is
    std::vector<std::set<uint64_t>> parked;               // keys, by partition
    uint64_t port_calls_max = 0;                          // in one group
    uint32_t outages = 0;                                 // since an attempt was answered otherwise
  };

  bool Read(uint16_t topic) const { return !subject_.topology().topics[topic].readers.empty(); }
  static void PutDown(Topic& on, int32_t partition, const bus::Message& message, std::string_view job, int64_t at_ns);
  static Standing StandingOf(const bus::Message& message, std::string_view job);
  absl::Status MakeDesk(Desk& desk) const;
  absl::Status WorkOff(Desk& desk);
  absl::Status Ended(Desk& desk, uint32_t item, uint32_t attempt);
  absl::Status Die(Desk& desk, const Lying& lying);
  bool Parked(Desk& desk, const Lying& lying) const;
  absl::Status CheckTimeouts(const Desk& desk) const;

  const Subject& subject_;
  const RunOptions& options_;
  const Plan& plan_;
  const bus::Capabilities capabilities_;
  bus::SegmentPool* const segments_;
  History history_;
  int64_t now_ns_ = 0;
  const int64_t wall_offset_ns_ = 0;
  SimClock clock_;
  stages::Ports ports_;
  std::vector<std::unique_ptr<QuietPort>> port_worlds_;
  std::vector<stages::PortState*> port_states_;
  uint64_t port_calls_ = 0;
  uint16_t running_ = 0;  // the stage
  std::vector<Topic> topics_;
  std::vector<bus::SegmentRef> kept_;  // bytes of what lies
  uint64_t attempts_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_ORACLE_WALK_H_
