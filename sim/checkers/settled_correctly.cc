// No commit before its effect: when the broker takes the settlement of a message, a successful attempt of it has had all
// its outputs appended, or its dead letter has been.
//
// What was destroyed before it was settled is not asked for: groups have to get past it.
#include <string>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

uint32_t LastSuccessBefore(const HistoryIndex& index, const PairFacts& pair, uint32_t record) {
  uint32_t attempt = pair.last_attempt;
  while (attempt != kNone) {
    const AttemptFacts& facts = index.attempts()[attempt];
    if (facts.record < record && index.records()[facts.record].value == 0) return facts.record;
    attempt = facts.previous;
  }
  return kNone;
}

// Where the settling process said so.
uint32_t LastSettleBefore(const HistoryIndex& index, const PairFacts& pair, uint32_t record) {
  uint32_t found = kNone;
  for (uint32_t at : index.Of(Kind::kSettle)) {
    if (at >= record) break;
    const Record& settle = index.records()[at];
    if (settle.stage == pair.stage && settle.message == pair.message) found = at;
  }
  return found;
}

void AddFinding(const CheckContext& context, const Settlement& settlement, Findings* findings) {
  const HistoryIndex& index = context.index;
  const PairFacts& pair = index.pair(settlement.pair);
  const uint32_t success = LastSuccessBefore(index, pair, settlement.record);
  const bool early = index.records()[settlement.record].kind == Kind::kAppended;
  const bool dead = pair.dead_made_at < settlement.record;
  const char* signature = early              ? "committed before it was there"
                          : success != kNone ? "outputs not durable"
                          : dead             ? "dead letter not durable"
                                             : "no attempt finished";
  const char* because = early              ? " was appended below the group's committed offset: nobody will see it"
                        : success != kNone ? " was settled before all outputs of an attempt were durable"
                        : dead             ? " was settled before its dead letter was durable"
                                           : " was settled although no attempt of it had succeeded";
  const MessageFacts& facts = index.message(pair.message);
  findings->Add(signature,
                StageName(context.history, pair.stage) + ": " + MessageName(context.history, pair.message) + because,
                facts.job, pair.message,
                {facts.first_append, success, dead ? pair.dead_made_at : kNone,
                 LastSettleBefore(index, pair, settlement.record), settlement.record});
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  Findings findings(context, kSettledCorrectly.name);
  for (const Settlement& settlement : index.settlements()) {
    const PairFacts& pair = index.pair(settlement.pair);
    if (pair.done_at() < settlement.record || pair.destroyed_at < settlement.record) continue;
    AddFinding(context, settlement, &findings);
    if (findings.full()) break;
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {
    {.concerns = DestroysAny, .why = "settlements of what was destroyed before: groups have to get past it"}};

}  // namespace

const Checker kSettledCorrectly = {
    .name = "settled-correctly",
    .summary = "a message is settled only when all outputs of an attempt, or its dead letter, are durable",
    .check = Check,
    .excuses = kExcuses};

}  // namespace millrace::sim
