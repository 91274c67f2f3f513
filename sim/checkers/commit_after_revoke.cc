// After a process has given a partition back, or was told that it has lost it, it settles nothing of it any more. (What it
// had sent before may reach the broker after: that is legal.)
#include <string>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

void Look(const CheckContext& context, Kind kind, Findings* findings) {
  const HistoryIndex& index = context.index;
  for (uint32_t at : index.Of(kind)) {
    if (findings->full()) return;
    const uint32_t number = index.HoldingOf(at);
    if (number != kNone && index.holdings()[number].end > at) continue;
    const Record& record = index.records()[at];
    const uint32_t end = number == kNone ? kNone : index.holdings()[number].end;
    const Kind how = end == kNone ? Kind::kEnd : index.records()[end].kind;
    const char* signature = number == kNone          ? "an epoch that was never assigned"
                            : how == Kind::kReleased ? "after release"
                            : how == Kind::kLost     ? "after loss"
                                                     : "after its holding had ended";
    findings->Add(signature,
                  ProcessName(context.history, record) + ", " + StageName(context.history, record.stage) + " settles " +
                      PlaceName(context.history, record.topic, record.partition) + " under epoch " +
                      std::to_string(record.epoch) +
                      (number == kNone ? ", which it was never given" : ", which it no longer holds"),
                  kNoJob, record.message, {number == kNone ? kNone : index.holdings()[number].assigned, end, at});
  }
}

CheckResult Check(const CheckContext& context) {
  Findings findings(context, kCommitAfterRevoke.name);
  Look(context, Kind::kSettle, &findings);
  Look(context, Kind::kCommit, &findings);
  return findings.Take();
}

}  // namespace

const Checker kCommitAfterRevoke = {.name = "commit-after-revoke",
                                    .summary = "a process settles nothing of a partition that it no longer holds",
                                    .check = Check};

}  // namespace millrace::sim
