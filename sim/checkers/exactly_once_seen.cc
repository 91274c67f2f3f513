#include "sim/checkers/exactly_once_seen.h"

#include <string>

namespace millrace::sim {
namespace {

// What the message was made of, by which stage; kNone where nobody says so.
uint32_t PairThatMade(const CheckContext& context, uint32_t message) {
  const HistoryIndex& index = context.index;
  const MessageInfo& info = context.history.messages[message];
  if (info.role == MessageRole::kDeadLetter) return index.PairOf(info.stage, info.of);
  const uint32_t made = index.message(message).first_output;
  if (made == kNever) return kNone;
  const Record& output = index.records()[made];
  return index.PairOf(output.stage, static_cast<uint32_t>(output.value));
}

}  // namespace

void CheckSeenOnce(const CheckContext& context, Findings* findings) {
  const HistoryIndex& index = context.index;
  for (uint32_t message = 0; message < index.messages().size() && !findings->full(); ++message) {
    const MessageFacts& facts = index.message(message);
    if (facts.appends < 2) continue;
    const uint32_t number = PairThatMade(context, message);
    if (number == kNone) continue;
    const PairFacts& pair = index.pair(number);
    if (!context.history.topology.stages[pair.stage].exactly_once) continue;
    const uint32_t inputs = index.message(pair.message).appends;
    if (facts.appends <= inputs) continue;
    findings->Add("seen more often than its input",
                  StageName(context.history, pair.stage) + ": " + MessageName(context.history, message) + " is seen " +
                      std::to_string(facts.appends) + " times, and what it was made of " + std::to_string(inputs) +
                      " times",
                  kNoJob, message, {facts.first_append, facts.last_append});
  }
}

}  // namespace millrace::sim
