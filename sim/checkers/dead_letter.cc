// Dead letters say what died and why, and whatever can never succeed becomes one before it is settled.
#include <string>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kInvalidArgument = 3;
constexpr uint64_t kUnavailable = 14;

void CheckLetter(const CheckContext& context, uint32_t message, Findings* findings) {
  const HistoryIndex& index = context.index;
  const MessageInfo& info = context.history.messages[message];
  const MessageFacts& facts = index.message(message);
  const std::string name = MessageName(context.history, message);
  if (info.reason.empty()) {
    findings->Add("without a reason", name + " says no reason", kNoJob, message, {facts.first_append});
  }
  if (facts.job == kNoJob) {
    findings->Add("without a job", name + " belongs to no job", kNoJob, message, {facts.first_append});
  }
  const uint32_t number = index.PairOf(info.stage, info.of);
  if (number == kNone) {
    findings->Add("of nothing", name + " is of no message that its stage reads", kNoJob, message, {facts.first_append});
  } else if (index.pair(number).first_delivered > facts.first_append) {
    findings->Add("of what was not delivered",
                  name + " is of " + MessageName(context.history, info.of) + ", which was not delivered before", kNoJob,
                  message, {index.message(info.of).first_append, facts.first_append});
  }
}

// Whether that attempt was the last that a message gets.
bool Final(const Record& attempt, const StageInfo& stage) {
  if (attempt.value == kInvalidArgument) return true;
  return attempt.value != 0 && attempt.value != kUnavailable && stage.attempts_max > 0 &&
         attempt.attempt >= stage.attempts_max;
}

void CheckSettled(const CheckContext& context, const Settlement& settlement, Findings* findings) {
  const HistoryIndex& index = context.index;
  const PairFacts& pair = index.pair(settlement.pair);
  if (pair.done_at() < settlement.record || pair.destroyed_at < settlement.record) return;
  uint32_t number = pair.last_attempt;
  while (number != kNone && index.attempts()[number].record > settlement.record) {
    number = index.attempts()[number].previous;
  }
  if (number == kNone) return;
  const uint32_t last = index.attempts()[number].record;
  if (!Final(index.records()[last], context.history.topology.stages[pair.stage])) return;
  findings->Add("settled without a dead letter",
                StageName(context.history, pair.stage) + ": " + MessageName(context.history, pair.message) +
                    " failed for good and was settled with no dead letter",
                kNoJob, pair.message, {last, settlement.record});
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  Findings findings(context, kDeadLetters.name);
  for (uint32_t message = 0; message < index.messages().size() && !findings.full(); ++message) {
    const MessageFacts& facts = index.message(message);
    if (facts.role == MessageRole::kDeadLetter && facts.first_append != kNever)
      CheckLetter(context, message, &findings);
  }
  for (const Settlement& settlement : index.settlements()) {
    if (findings.full()) break;
    CheckSettled(context, settlement, &findings);
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {{.concerns = DestroysAny, .why = "settlements of what was destroyed before"}};

}  // namespace

const Checker kDeadLetters = {
    .name = "dead-letter",
    .summary = "dead letters have a reason, a job and a message; what fails for good has one before it is settled",
    .check = Check,
    .excuses = kExcuses};

}  // namespace millrace::sim
