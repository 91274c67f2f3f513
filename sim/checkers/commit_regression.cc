// A group's committed offset never goes back.
//
// Legal is what a client cannot help: a commit that was sent over a connection which it has given up since may arrive behind
// a later one that went over the next (the broker takes both, and what was in between is done again).
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

// Whether that commit was sent before its sender's connection went.
bool WasOnItsWay(const HistoryIndex& index, uint32_t committed) {
  const Record& record = index.records()[committed];
  uint32_t sent = kNone;
  for (uint32_t at : index.Of(Kind::kCommit)) {
    if (at > committed) break;
    const Record& commit = index.records()[at];
    const bool same = commit.stage == record.stage && commit.topic == record.topic &&
                      commit.partition == record.partition && commit.sequence == record.sequence;
    if (same) sent = at;
  }
  if (sent == kNone) return false;
  for (uint32_t at : index.Of(Kind::kTrouble)) {
    const Record& trouble = index.records()[at];
    const Record& commit = index.records()[sent];
    if (at > sent && at < committed && trouble.process == commit.process && trouble.stage == commit.stage &&
        trouble.value != 0)
      return true;
  }
  return false;
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  Findings findings(context, kCommitRegression.name);
  std::vector<uint32_t> last(index.slots(), kNone);
  for (uint32_t at : index.Of(Kind::kCommitted)) {
    const Record& record = index.records()[at];
    const uint32_t slot = index.SlotOf(record.stage, record.partition);
    if (slot == kNone) continue;
    const uint32_t before = last[slot];
    if (before != kNone && record.sequence < index.records()[before].sequence && !WasOnItsWay(index, at)) {
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

}  // namespace

const Checker kCommitRegression = {
    .name = "commit-regression", .summary = "a group's committed offset never goes back", .check = Check};

}  // namespace millrace::sim
