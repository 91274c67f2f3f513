// A recording of a worker's life, and its replay: every event with the actions it led to, as a Tap sees them, copied so
// that they outlive the run. Feeding the events of a real run to a fresh worker must give equal actions: the worker has
// no other inputs. That is what the simulator's word rests on.
//
//   Recording recording;                          // as Instance's tap
//   …run…
//   absl::Status same = recording.Replay(options);  // names the first step that differs
//
// Keeps everything in memory: for tests and for looking into a short run. Threading: the worker's thread; Replay when
// the run is over.
#ifndef MILLRACE_STAGES_RECORDING_H_
#define MILLRACE_STAGES_RECORDING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/segment.h"
#include "stages/tap.h"
#include "stages/worker_options.h"

namespace millrace::stages {

// One action as a line of text with everything that matters in it: bytes as digests, groups by id.
std::string DescribeAction(const Actions& actions, const Action& action);

class Recording : public Tap {
 public:
  Recording();
  ~Recording() override;
  void BeforeStep(Instant now, const Event& event) override;
  void OnStep(Instant now, const Event& event, const Actions& actions, size_t first) override;

  size_t steps() const { return steps_.size(); }
  // Lines of DescribeAction, of all steps.
  std::vector<std::string> ActionLines() const;

  // OK when a fresh worker with these options does the same at each step. Internal names the step, and both versions of
  // its first different action.
  absl::Status Replay(const WorkerOptions& options) const;

 private:
  struct Step;
  class Player;
  std::vector<std::unique_ptr<Step>> steps_;
  bus::SegmentPool pool_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_RECORDING_H_
