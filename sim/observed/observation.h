// The history of a run on a real broker, pieced together for the checkers: what the feed was told, what the broker still has,
// what each process has written down (sim/observed/process_log.h) and what the stores keep.
//
//   Observation seen(topology);
//   for (…) seen.Job(topic, id);                      // the feed's journal, in its order
//   for (…) seen.Copy(topic, partition, offset, message);
//   for (…) if (absl::Status s = seen.Process(path); !s.ok()) return s;
//   for (…) seen.Effect(port, id);                    // receipts of the stores
//   seen.AtRest();
//   const Observed observed = seen.Take();
//   const Verdicts verdicts = JudgeObserved(observed);
//
// In this order: a message is known by what the broker has of it.
//
// **Time.** Records of processes have the machine's monotonic clock: what was told is written down when it was heard, what is
// asked for before it is done. What the broker did is known by its order in a partition only. So an append stands as late as
// what was seen of it allows (before the first answer, or the first delivery, of it or of anything behind it), a settlement
// where it was asked for, and a store's effect before the first attempt that has succeeded. A run that keeps its promises keeps
// them in this order too; one that settles too early does not.
//
// **Who has left no history** is found by what is gone without anybody having been given it. Then what processes promise is not
// checkable: nobody knows what that one did.
//
// Errors      Process: NotFound, DataLoss naming file and line.
// Threading   one thread. Memory grows with the run: about 200 bytes for each line.
#ifndef MILLRACE_SIM_OBSERVED_OBSERVATION_H_
#define MILLRACE_SIM_OBSERVED_OBSERVATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/message.h"
#include "sim/checker.h"
#include "sim/history.h"
#include "sim/plan.h"

namespace millrace::sim {

struct Observed {
  History history;
  Plan plan;  // the faults that somebody says to have made; nothing else of it means anything
  // What was done again because it was not committed: successful attempts beyond one for each copy of a message.
  uint64_t redone = 0;
  uint64_t lines = 0;  // of all processes
  // Why histories are missing, a sentence for each stage; empty: they are all there, as far as can be seen.
  std::vector<std::string> missing;
  // Why nobody can say which stage has done what a store keeps a receipt of; empty where that is clear.
  std::string ambiguous;
};

class Observation {
 public:
  explicit Observation(Topology topology);
  ~Observation();

  // A job that the feed was told to be accepted.
  void Job(uint16_t topic, std::string_view id);
  // A record that readers see; those of a partition in their order. On queues `sequence` is a count.
  void Copy(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message);
  // All that one instance has written down; a torn last line is left out.
  absl::Status Process(const std::string& path);
  // Somebody has done this to the run. `at_ns` is of the same clock.
  void Fault(int64_t at_ns, std::string_view what);
  // A store, that port of the topology, keeps a receipt of the message with that id: an effect of the stages that name the port
  // (where none does, of sinks that name none). Of an id that none of them could have read it is the effect of a message that
  // nobody fed.
  void Effect(uint16_t port, std::string_view id);
  // Logs: the offset that a stage's group has committed at the end.
  void Committed(uint16_t stage, uint16_t partition, uint64_t next);
  // Queues: so many messages lie there for a stage at the end; default none.
  void Left(uint16_t stage, uint64_t messages);
  // Either: nothing is left to be done; or what is.
  void AtRest();
  void NotAtRest(const std::string& what);

  Observed Take();

 private:
  class Pieces;
  const std::unique_ptr<Pieces> pieces_;
};

// What the checkers say, those left out (as not checkable, with the reason) that need what nobody has written down.
Verdicts JudgeObserved(const Observed& observed);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OBSERVED_OBSERVATION_H_
