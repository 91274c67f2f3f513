// No accepted job is lost: at the end each has ended, or what is left of it was destroyed and announced.
//
// Where a run was cut off or got stuck, jobs with work on the bus are undecided; those with none are lost all the same.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"
#include "sim/ledger.h"

namespace millrace::sim {
namespace {

// What to look at: where the job was accepted, and how the last of it went away. The culprits are settlements of what was
// not done; where there are none, all settlements.
std::vector<uint32_t> EvidenceOf(const HistoryIndex& index, uint32_t job, bool* destroyed) {
  std::vector<uint32_t> evidence, others;
  for (uint32_t at : index.Of(Kind::kAccepted)) {
    const uint32_t message = index.records()[at].message;
    if (message < index.messages().size() && index.message(message).job == job) {
      evidence.push_back(at);
      break;
    }
  }
  const size_t accepted = evidence.size();
  *destroyed = false;
  for (const PairFacts& pair : index.pairs()) {
    if (index.message(pair.message).job != job) continue;
    if (pair.destroyed_at != kNever && !index.Announced(pair)) {
      *destroyed = true;
      evidence.push_back(pair.destroyed_at);
    } else if (pair.settled_at < pair.done_at()) {
      evidence.push_back(pair.settled_at);
    } else {
      others.push_back(pair.settled_at);
    }
  }
  if (evidence.size() == accepted) evidence.insert(evidence.end(), others.begin(), others.end());
  for (const MessageFacts& facts : index.messages()) {
    if (facts.job == job && facts.last_append != kNever) evidence.push_back(facts.last_append);
  }
  return evidence;
}

void AddLost(const CheckContext& context, uint32_t job, Findings* findings) {
  bool destroyed = false;
  std::vector<uint32_t> evidence = EvidenceOf(context.index, job, &destroyed);
  const std::string name = JobName(context.history, job);
  findings->Add(destroyed ? "destroyed and not announced" : "lost",
                destroyed ? name + " was accepted, and what was left of it was destroyed without a word"
                          : name + " was accepted and has not ended, and nothing of it is on the bus",
                job, context.history.jobs[job].message, std::move(evidence));
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  const std::vector<Fate> fates = FatesOf(index);
  Findings findings(context, kNoLoss.name);
  size_t undecided = 0;
  for (uint32_t job = 0; job < fates.size() && !findings.full(); ++job) {
    if (fates[job] == Fate::kLost) {
      AddLost(context, job, &findings);
    } else if (fates[job] == Fate::kOnBus && index.quiet()) {
      bool destroyed = false;
      findings.Add("left on the bus",
                   JobName(context.history, job) +
                       " was accepted and has not ended: the run came to rest with work of it on the bus",
                   job, context.history.jobs[job].message, EvidenceOf(index, job, &destroyed));
    } else if (fates[job] == Fate::kOnBus) {
      ++undecided;
    }
  }
  if (findings.empty() && undecided > 0) {
    return NotCheckable(std::to_string(undecided) + " accepted jobs were still on the bus when the run was cut off");
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {
    {.concerns = DestroysAny, .why = "jobs of which something was destroyed, and announced as DataLoss"}};

}  // namespace

const Checker kNoLoss = {
    .name = "no-loss",
    .summary = "every accepted job ends: in a sink, a receipt, a dead letter, or destroyed and announced",
    .check = Check,
    .excuses = kExcuses};

}  // namespace millrace::sim
