// Nothing comes from nowhere: whatever is appended or takes effect belongs to a job that the feed had handed over before.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

std::string_view WhatOf(MessageRole role) {
  switch (role) {
    case MessageRole::kInput:
      return "input without a job";
    case MessageRole::kDerived:
      return "message without a job";
    case MessageRole::kDeadLetter:
      return "dead letter without a job";
    case MessageRole::kReceipt:
      return "receipt without a job";
    case MessageRole::kForeign:
      break;
  }
  return "foreign message";
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  Findings findings(context, kPhantom.name);
  // By job: when it was first handed over.
  std::vector<uint32_t> submitted(context.history.jobs.size(), kNever);
  for (uint32_t at : index.Of(Kind::kSubmit)) {
    const uint32_t message = index.records()[at].message;
    const uint32_t job = message < index.messages().size() ? index.message(message).job : kNoJob;
    if (job != kNoJob && submitted[job] == kNever) submitted[job] = at;
  }
  const auto known = [&](const MessageFacts& facts, uint32_t at) {
    return facts.job != kNoJob && submitted[facts.job] < at;
  };
  for (uint32_t message = 0; message < index.messages().size() && !findings.full(); ++message) {
    const MessageFacts& facts = index.message(message);
    if (facts.first_append != kNever && (facts.role == MessageRole::kForeign || !known(facts, facts.first_append))) {
      findings.Add(WhatOf(facts.role),
                   MessageName(context.history, message) + " was appended, and no job that was handed over explains it",
                   kNoJob, message, {facts.first_append});
    }
    for (const PairFacts& pair : index.PairsOf(message)) {
      if (pair.first_effect == kNever || known(facts, pair.first_effect)) continue;
      findings.Add("effect without a job",
                   StageName(context.history, pair.stage) + ": " + MessageName(context.history, message) +
                       " took effect, and no job that was handed over explains it",
                   kNoJob, message, {pair.first_effect});
    }
  }
  return findings.Take();
}

}  // namespace

const Checker kPhantom = {
    .name = "phantom", .summary = "whatever happens belongs to a job that was handed over", .check = Check};

}  // namespace millrace::sim
