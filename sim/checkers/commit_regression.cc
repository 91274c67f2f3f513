// A group's committed offset never goes back.
//
// Legal is what a client cannot help: a commit that arrives over a connection which its sender has given up since may come
// behind a later one that went over the next (the broker takes both, and what was in between is done again). The broker's
// end says of each commit whether it came so; that its sender was in trouble at some time excuses nothing. Nor is it a
// client's doing when the broker loses commits (record.count says so, duplicate-delivery): behind that, the group may go on from
// where it is now, and no further back.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  Findings findings(context, kCommitRegression.name);
  std::vector<uint32_t> last(index.slots(), kNone);
  for (uint32_t at : index.Of(Kind::kCommitted)) {
    const Record& record = index.records()[at];
    const uint32_t slot = index.SlotOf(record.stage, record.partition);
    if (slot == kNone) continue;
    const uint32_t before = last[slot];
    const bool excused = (record.flags & kGivenUp) != 0 || record.count > 0;
    if (before != kNone && record.sequence < index.records()[before].sequence && !excused) {
      findings.Add("offset went back",
                   StageName(context.history, record.stage) + ": the committed offset of " +
                       PlaceName(context.history, record.topic, record.partition) + " went back from " +
                       std::to_string(index.records()[before].sequence) + " to " + std::to_string(record.sequence),
                   kNoJob, kNoMessage, {before, at});
    }
    last[slot] = at;
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {{.concerns = GivesAgain, .why = "the step back that the broker itself makes"},
                               {.why = "a commit that comes late, over a connection that its sender had given up"}};

}  // namespace

const Checker kCommitRegression = {.name = "commit-regression",
                                   .summary = "a group's committed offset never goes back",
                                   .check = Check,
                                   .excuses = kExcuses};

}  // namespace millrace::sim
