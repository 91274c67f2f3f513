// Processes of a world: slots, and what runs in them.
//
// Threading: the world's.
#ifndef MILLRACE_SIM_WORLD_PROCESS_H_
#define MILLRACE_SIM_WORLD_PROCESS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "bus/bus.h"
#include "bus/clock.h"
#include "bus/segment.h"
#include "sim/armed.h"
#include "sim/history.h"
#include "sim/open_deliveries.h"
#include "sim/scheduler.h"
#include "sim/wire.h"
#include "stages/instance.h"
#include "stages/ring.h"
#include "stages/trial_gate.h"

namespace millrace::sim {

class Attempts;
class SimBus;

// One incarnation's instance of one stage.
struct Member {
  Member();
  ~Member();
  uint32_t index = 0;
  uint32_t slot = 0;
  uint16_t incarnation = 0;
  uint16_t stage = 0;
  bool next_version = false;
  bool dead = false;
  bool turning = false;  // inside Turn, or its fiber runs
  bool drain_told = false;
  uint32_t unanswered = 0;   // publishes
  bool left = false;         // closed
  bool leave_clean = false;  // … with every settlement taken
  bool turn_wanted = false;  // came while the process was paused
  int64_t turn_at_ns = -1;   // the event that will call it; -1: none
  std::unique_ptr<SimBus> bus;
  std::unique_ptr<stages::Spool> spool;
  std::unique_ptr<Clock> clock;
  std::shared_ptr<stages::TrialGate> gate;  // of its process
  std::unique_ptr<bus::Waker> gate_waker;
  std::unique_ptr<stages::Instance> instance;
  Attempts* attempts = nullptr;   // the instance's
  uint32_t closing = UINT32_MAX;  // the fiber call that runs Instance::Close
  struct Holding {
    uint64_t epoch = 0;
    OpenDeliveries open;
  };
  std::vector<Holding> holdings;    // by partition
  std::vector<uint32_t> published;  // by token - 1: what it was
  // Outputs that attempts have told, by where their headers lie, until they are published: mostly in that order. Nothing
  // else comes to lie there meanwhile, as their bytes are kept.
  struct Made {
    const char* headers = nullptr;
    uint32_t message = kNoMessage;
  };
  stages::Ring<Made> made;
  std::vector<bus::SegmentRef> made_in;
  std::set<std::pair<uint32_t, uint64_t>> dead_letters;  // made by this incarnation: message, digest of its headers
  uint32_t MessageAt(uint32_t partition, uint64_t sequence) const;
};

struct Slot {
  std::vector<uint16_t> stages;
  uint16_t incarnation = 0;
  bool alive = false;
  bool draining = false;
  bool paused = false;
  bool stuck = false;  // paused, and its client libraries' own threads go on
  bool next_version = false;
  bool down_until_healed = false;
  int32_t twin_of = -1;  // the slot whose transactional ids it has taken
  bool stop_after_drain = false;
  int64_t restart_after_ns = 0;  // once it has drained
  int64_t wall_offset_ns = 0;
  Armed wall_jumps;                     // that nobody has seen
  uint32_t next_version_by = kNoFault;  // the fault that asked for it, until it has come
  uint64_t starts = 0;                  // kStart events asked for: an older one is void
  uint64_t pauses = 0;
  uint64_t actions = 0;  // carried out, over all incarnations
  uint64_t port_calls = 0;
  std::vector<uint32_t> members;  // of the incarnation that lives
  std::shared_ptr<stages::TrialGate> gate;
  Weather weather;
  uint64_t connections = 0;
  std::vector<Event> held_back;  // what was due while it was paused
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_WORLD_PROCESS_H_
