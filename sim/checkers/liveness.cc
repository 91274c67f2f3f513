// The run comes to rest once faults are healed.
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

// Deaths that one message may cause before it must be a dead letter: where the bus keeps no notes the limit is 20
// deliveries.
constexpr uint64_t kDeathsMax = 25;

std::string_view TextOf(const History& history, const Record& record) {
  return record.text < history.texts.size() ? std::string_view(history.texts[record.text]) : std::string_view();
}

// How often that copy of the pair's message was dispatched, by partition and offset, that was so most often; its last
// dispatch in `at`. On queues, where deliveries do not tell copies apart, `at` is the last of all.
uint64_t MostRunCopy(const HistoryIndex& index, uint32_t pair, uint32_t* at) {
  struct Copy {
    uint32_t partition;
    uint64_t sequence;
    uint32_t record;
  };
  std::vector<Copy> runs;
  for (uint32_t i : index.Of(Kind::kDispatch)) {
    const Record& record = index.records()[i];
    if (index.PairOf(record.stage, record.message) != pair) continue;
    runs.push_back({record.partition, record.sequence, i});
    *at = i;
  }
  if (index.queue()) return runs.size();
  std::sort(runs.begin(), runs.end(), [](const Copy& a, const Copy& b) {
    return std::tie(a.partition, a.sequence, a.record) < std::tie(b.partition, b.sequence, b.record);
  });
  uint64_t most = 0;
  for (size_t first = 0, i = 0; i < runs.size(); ++i) {
    if (runs[i].partition != runs[first].partition || runs[i].sequence != runs[first].sequence) first = i;
    if (i - first + 1 <= most) continue;
    most = i - first + 1;
    *at = runs[i].record;
  }
  return most;
}

// The first message that is dispatched more often than attempts and deaths can explain (outages are no attempts, and do not
// count); its pair, and its last dispatch in `at`. Each copy of it is a message of its own to a worker, and has its own
// deaths: a stage that dies before it settles leaves a killer for the next one once more each time. On logs the offset says
// which copy ran; on queues nothing does, and the deaths of as many copies as were appended are allowed together.
uint32_t PoisonOf(const HistoryIndex& index, uint32_t* at) {
  if (index.Of(Kind::kDispatch).size() <= kDeathsMax) return kNone;
  std::vector<uint32_t> runs(index.pairs().size(), 0);
  for (uint32_t i : index.Of(Kind::kDispatch)) {
    const uint32_t pair = index.PairOf(index.records()[i].stage, index.records()[i].message);
    if (pair != kNone) ++runs[pair];
  }
  std::vector<uint32_t> outages(index.pairs().size(), 0);
  for (const AttemptFacts& attempt : index.attempts()) {
    constexpr uint64_t kUnavailable = 14;
    if (index.records()[attempt.record].value == kUnavailable) ++outages[attempt.pair];
  }
  for (uint32_t pair = 0; pair < runs.size(); ++pair) {
    const uint64_t attempts = index.history().topology.stages[index.pair(pair).stage].attempts_max;
    const uint64_t most = std::max<uint64_t>(attempts, 1) * kDeathsMax + outages[pair];
    if (runs[pair] <= most) continue;
    const uint32_t copies = index.message(index.pair(pair).message).appends;
    if (index.queue() && runs[pair] <= most * std::max<uint32_t>(copies, 1)) continue;
    if (MostRunCopy(index, pair, at) > most || index.queue()) return pair;
  }
  return kNone;
}

CheckResult Check(const CheckContext& context) {
  const HistoryIndex& index = context.index;
  Findings findings(context, kLiveness.name);
  uint32_t dispatch = kNone;
  const uint32_t poison = PoisonOf(index, &dispatch);
  if (poison != kNone) {
    const PairFacts& pair = index.pair(poison);
    findings.Add("poison loop",
                 StageName(context.history, pair.stage) + " runs " + MessageName(context.history, pair.message) +
                     " over and over, and neither finishes it nor makes it a dead letter",
                 kNoJob, pair.message, {pair.first_dispatch, dispatch});
    return findings.Take();
  }
  for (uint32_t at : index.Of(Kind::kStuck)) {
    const Record& record = index.records()[at];
    findings.Add(
        record.value == 0 ? "deadlock" : "livelock",
        std::string(record.value == 0 ? "nothing moves any more: " : "work goes on and nothing comes of it: ") +
            std::string(TextOf(context.history, record)),
        kNoJob, kNoMessage, {at});
  }
  for (uint32_t at : index.Of(Kind::kLimit)) {
    findings.Add("limit", "the run was cut off: " + std::string(TextOf(context.history, index.records()[at])), kNoJob,
                 kNoMessage, {at});
  }
  if (findings.empty() && !index.Has(Kind::kQuiet)) {
    const auto last = static_cast<uint32_t>(index.records().size());
    findings.Add("not finished", "the history ends before the run has come to rest", kNoJob, kNoMessage,
                 {last == 0 ? kNone : last - 1});
  }
  return findings.Take();
}

}  // namespace

const Checker kLiveness = {.name = "liveness",
                           .summary = "once faults are healed the run comes to rest, with nothing left to do",
                           .check = Check};

}  // namespace millrace::sim
