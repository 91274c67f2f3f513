// What the broker destroys is announced: after each message that was destroyed before a group had settled it, some process
// of that group tells DataLoss.
//
// A message that the group had finished with all the same (it was at work on it, or had done it and not settled it yet)
// needs no words: nothing of it is missing. A run that was cut off may have come to its announcements later.
#include <string>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  if (!index.Has(Kind::kDestroyed)) return {};
  Findings findings(context, kAnnouncedLoss.name);
  for (const PairFacts& pair : index.pairs()) {
    if (pair.destroyed_at == kNever || index.Announced(pair) || pair.done_at() != kNever) continue;
    if (!index.quiet()) return NotCheckable("the run was cut off after messages had been destroyed");
    findings.Add("destroyed without a word",
                 MessageName(context.history, pair.message) + " was destroyed before " +
                     StageName(context.history, pair.stage) + " had settled it, and no process of it was told",
                 kNoJob, pair.message, {index.message(pair.message).first_append, pair.destroyed_at});
    if (findings.full()) break;
  }
  return findings.Take();
}

}  // namespace

const Checker kAnnouncedLoss = {.name = "announced",
                                .summary = "what the broker destroys before it is settled is told as DataLoss",
                                .check = Check};

}  // namespace millrace::sim
