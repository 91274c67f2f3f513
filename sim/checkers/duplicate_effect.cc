// A sink takes the effect of a message once: what comes again is recognised as a repeat (inbox), whoever brings it and
// whatever content it has. Per port, as a sink may use several.
//
// Stages that keep no receipts in their effects promise no such thing.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  const History& history = context.history;
  Findings findings(context, kDuplicateEffect.name);
  // By pair of the id's first content: its latest effects, linked by `before`.
  struct Effect {
    uint32_t record;
    uint32_t before;
  };
  std::vector<uint32_t> latest(index.pairs().size(), kNone);
  std::vector<Effect> effects;
  effects.reserve(index.Of(Kind::kEffect).size());
  for (uint32_t at : index.Of(Kind::kEffect)) {
    const Record& record = index.records()[at];
    if (record.message >= index.messages().size() || record.stage >= history.topology.stages.size()) continue;
    const uint32_t pair = index.PairOf(record.stage, index.message(record.message).canonical);
    if (pair == kNone || !history.topology.stages[record.stage].sink || (record.flags & kRepeat) != 0) continue;
    for (uint32_t i = latest[pair]; i != kNone; i = effects[i].before) {
      const Record& first = index.records()[effects[i].record];
      if (first.topic != record.topic) continue;
      const bool same = first.process == record.process && first.incarnation == record.incarnation;
      findings.Add(same ? "effect twice by one process" : "effect twice by two processes",
                   StageName(history, record.stage) + ": " + MessageName(history, record.message) +
                       " took effect twice, by " + ProcessName(history, first) + " and by " +
                       ProcessName(history, record) + ", and the second was not recognised",
                   kNoJob, record.message, {effects[i].record, at});
      break;
    }
    effects.push_back({at, latest[pair]});
    latest[pair] = static_cast<uint32_t>(effects.size()) - 1;
    if (findings.full()) break;
  }
  return findings.Take();
}

}  // namespace

const Checker kDuplicateEffect = {
    .name = "duplicate-effect", .summary = "a sink takes the effect of each message once", .check = Check};

}  // namespace millrace::sim
