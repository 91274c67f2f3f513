// What a simulated port is made of: its own state, and the world it lives in.
//
//   class SimulatedGeocoder : public Geocoder {
//     absl::StatusOr<Point> Find(std::string_view address) override {
//       if (absl::Status s = world_->Enter("find"); !s.ok()) return s;        // time passes; an outage; the process may die
//       const Point point = Lookup(address);                                  // the effect, if there is one, and then
//       world_->Effect({.id = …});                                            // … it is told
//       if (absl::Status s = world_->Leave(); !s.ok()) return s;              // done, and perhaps nobody hears of it
//       return point;
//     }
//   };
//
// One object stands for the outside system, which all processes of a run share and which outlives them. Calls of a
// process that is dead return from Enter with an error and must do nothing. The same id again is told as a repeat, with the
// digest of what is asked for now: so it is seen when a stage asks for something else the second time.
//
// Blocking: Enter and Leave suspend the attempt in the simulator's time. Threading: the simulator's one thread; calls of
// several attempts interleave at Enter and Leave, and nowhere else.
#ifndef MILLRACE_STAGES_PORT_WORLD_H_
#define MILLRACE_STAGES_PORT_WORLD_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::stages {

struct PortEffect {
  std::string_view id;  // of the message it was made for (Context::id)
  uint64_t digest = 0;  // of what was written
  bool repeat = false;  // the message was known: nothing was done
  // The message's job, or its share of one, ends with this effect (a sink's receipt).
  bool ends = true;
};

class PortWorld {
 public:
  virtual ~PortWorld() = default;
  // Begins a call. Not OK: return it, nothing was done.
  virtual absl::Status Enter(std::string_view what) = 0;
  // An effect was made just now; one call each.
  virtual void Effect(const PortEffect& effect) = 0;
  // Ends a call. Not OK: return it; what was done stays done.
  virtual absl::Status Leave() = 0;
};

// What a simulated port leaves behind, for comparing runs: implemented by ports that keep a state.
class PortState {
 public:
  virtual ~PortState() = default;
  // Once for each key, in any order: equal sets of messages must give equal states, in whatever order they came.
  virtual void ForEachState(const std::function<void(std::string_view key, std::string_view state)>& callback) = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PORT_WORLD_H_
