// No job is dead-lettered that the same plan does without faults: crashes, outages and rebalances are no reason.
//
// Excused are jobs at which a fault that struck makes a stage fail, and where a stage parks keys, what follows such a dead
// letter under its key.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

// Ids of what the run made dead letters of, sorted.
std::vector<bus::Digest128> DeadIds(const History& history) {
  std::vector<bus::Digest128> ids;
  for (const MessageInfo& info : history.messages) {
    if (info.role == MessageRole::kDeadLetter && info.of < history.messages.size()) {
      ids.push_back(history.messages[info.of].id);
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  const History& history = context.history;
  if (std::none_of(index.pairs().begin(), index.pairs().end(),
                   [](const PairFacts& p) { return p.dead_at != kNever; })) {
    return {};
  }
  const std::vector<bus::Digest128> expected = DeadIds(*context.faultless);
  std::vector<uint8_t> excused = JobsMadeToFail(context);
  // Of jobs that the run without faults was not given (sim/checkers/struck.h) it says nothing.
  for (size_t job = 0; job < excused.size(); ++job) {
    const auto same = [&](const JobInfo& other) { return other.id == history.jobs[job].id; };
    if (std::none_of(context.faultless->jobs.begin(), context.faultless->jobs.end(), same)) excused[job] = 1;
  }
  std::vector<uint32_t> unexplained;
  std::vector<std::pair<uint16_t, uint32_t>> parked;  // stage and key, sorted
  for (uint32_t number = 0; number < index.pairs().size(); ++number) {
    const PairFacts& pair = index.pair(number);
    if (pair.dead_at == kNever) continue;
    const MessageFacts& facts = index.message(pair.message);
    const bool fine = (facts.job != kNoJob && excused[facts.job] != 0) ||
                      std::binary_search(expected.begin(), expected.end(), history.messages[pair.message].id);
    if (!fine) unexplained.push_back(number);
    if (fine && facts.key != kNoKey) parked.emplace_back(pair.stage, facts.key);
  }
  std::sort(parked.begin(), parked.end());
  Findings findings(context, kUnjustifiedDeadLetter.name);
  for (uint32_t number : unexplained) {
    const PairFacts& pair = index.pair(number);
    const MessageFacts& facts = index.message(pair.message);
    if (history.topology.stages[pair.stage].park_key &&
        std::binary_search(parked.begin(), parked.end(), std::pair(pair.stage, facts.key))) {
      continue;
    }
    const uint32_t attempt = pair.last_attempt == kNone ? kNone : index.attempts()[pair.last_attempt].record;
    findings.Add("dead letter by fault",
                 StageName(history, pair.stage) + " made " + MessageName(history, pair.message) +
                     " a dead letter, which it is not " +
                     (index.Has(Kind::kFault) ? "without faults" : "by the stages alone"),
                 kNoJob, pair.message, {attempt, pair.dead_made_at, pair.dead_at});
    if (findings.full()) break;
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {{.concerns = MakesFail, .why = "jobs that a fault makes a stage fail at"}};

}  // namespace

const Checker kUnjustifiedDeadLetter = {.name = "unjustified-dead-letter",
                                        .summary = "faults alone make no dead letters",
                                        .check = Check,
                                        .needs_faultless = true,
                                        .excuses = kExcuses};

}  // namespace millrace::sim
