// The network between one client and the broker: two directions of packets that arrive in order, late, or not at all.
//
// A direction is a queue with arrival times; packets sent at one instant travel together. What is cut waits and comes in
// order when it is mended, as a stream that is sent again does; what is lost costs the time of a retransmission, and those
// behind it wait.
//
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_WIRE_H_
#define MILLRACE_SIM_WIRE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/armed.h"
#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

// Who is at the client's end.
struct Owner {
  uint32_t process = 0;  // a slot, or Surface::kFeed
  uint16_t incarnation = 0;
  uint16_t stage = 0;
  uint32_t instance = 0;  // index into the world's instances
};

// The weather between one process and the broker, for all of its connections.
// Faults have made it so: World::Strikes is told when a packet meets one.
struct Weather {
  struct Cut {
    uint32_t by = kNoFault;
    bool to_broker = false;
    bool to_client = false;
  };
  std::vector<Cut> cuts;
  bool cut_to_broker = false;  // by any of them
  bool cut_to_client = false;
  int64_t extra_ns = 0;  // by the fault that came last
  uint32_t delayed_by = kNoFault;
  Armed losses;            // packets to the broker still to be lost
  Armed lost_confirms;     // see Surface::LoseConfirms
  bool hold_ends = false;  // see Surface::HoldEnds
  uint32_t ends_held_by = kNoFault;

  void AddCut(const Cut& cut) {
    cuts.push_back(cut);
    cut_to_broker = cut_to_broker || cut.to_broker;
    cut_to_client = cut_to_client || cut.to_client;
  }
  void EndCutsOf(uint32_t fault) {
    std::erase_if(cuts, [fault](const Cut& cut) { return cut.by == fault; });
    cut_to_broker = cut_to_client = false;
    for (const Cut& cut : cuts) {
      cut_to_broker = cut_to_broker || cut.to_broker;
      cut_to_client = cut_to_client || cut.to_client;
    }
  }
};

// When packets of one direction arrive.
class Direction {
 public:
  // The arrival of a packet sent now. True in *fresh: an event for it is needed. Only then `latency_ns` is asked.
  template <class Latency>
  int64_t Send(int64_t now_ns, const Latency& latency_ns, bool* fresh) {
    *fresh = now_ns != sent_ns_ || sent_ns_ < 0;
    if (*fresh) arrives_ns_ = std::max(arrives_ns_, now_ns + latency_ns());
    sent_ns_ = now_ns;
    return arrives_ns_;
  }

 private:
  int64_t sent_ns_ = -1;
  int64_t arrives_ns_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_WIRE_H_
