// Without faults nobody waits for ever: what is delivered is run (or is a dead letter with no run), and each partition
// that has messages is read.
//
// Runs in which a fault struck are not judged: there, liveness is what must hold.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  if (!context.history.strikes.empty()) return NotCheckable("faults struck: somebody may have had to wait for them");
  if (!index.Has(Kind::kQuiet) && !index.Has(Kind::kStuck)) {
    return NotCheckable("the run was cut off: what waits at its end may have had its turn");
  }
  Findings findings(context, kStarvation.name);
  // By slot: messages that were delivered, and one that was not; and whether somebody was given it.
  std::vector<uint32_t> read(index.slots(), 0), unread(index.slots(), kNone), assigned(index.slots(), kNone);
  for (const Holding& holding : index.holdings()) {
    if (assigned[holding.slot] == kNone) assigned[holding.slot] = holding.assigned;
  }
  for (uint32_t number = 0; number < index.pairs().size(); ++number) {
    const PairFacts& pair = index.pair(number);
    const uint32_t slot = index.SlotOfPair(pair);
    if (slot == kNone) continue;
    read[slot] += pair.first_delivered != kNever;
    if (pair.first_delivered == kNever && unread[slot] == kNone) unread[slot] = number;
    if (pair.first_delivered == kNever || pair.first_dispatch != kNever || pair.dead_at != kNever) continue;
    findings.Add("delivered and never run",
                 StageName(context.history, pair.stage) + " was given " + MessageName(context.history, pair.message) +
                     " and never ran it",
                 kNoJob, pair.message, {index.message(pair.message).first_append, pair.first_delivered});
  }
  for (uint32_t slot = 0; slot < index.slots(); ++slot) {
    if (read[slot] > 0 || unread[slot] == kNone) continue;
    const PairFacts& pair = index.pair(unread[slot]);
    const StageInfo& stage = context.history.topology.stages[pair.stage];
    const bool held = assigned[slot] != kNone;
    findings.Add(held ? "partition assigned and never read" : "partition never assigned",
                 StageName(context.history, pair.stage) + " never reads " +
                     PlaceName(context.history, stage.input, index.NumberOfSlot(slot)) + ", where " +
                     MessageName(context.history, pair.message) + " waits",
                 kNoJob, pair.message, {assigned[slot], index.message(pair.message).first_append});
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {{.whole = true, .why = "somebody may have had to wait for the fault"}};

}  // namespace

const Checker kStarvation = {.name = "starvation",
                             .summary = "without faults every partition is read and every message run",
                             .check = Check,
                             .excuses = kExcuses};

}  // namespace millrace::sim
