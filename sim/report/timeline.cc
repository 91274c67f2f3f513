#include "sim/report/timeline.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "sim/report/sentence.h"

namespace millrace::sim {
namespace {

using Spot = std::pair<uint16_t, uint16_t>;  // topic, partition

// What the job of a finding has touched.
struct Traces {
  uint32_t job = kNoJob;
  std::vector<bool> messages;                  // by message: is of the job
  std::map<Spot, std::set<uint64_t>> offsets;  // where the broker has had it
  std::set<uint16_t> processes;
  std::set<uint64_t> transactions;  // that have held it, or settled it

  bool Has(uint32_t message) const { return message < messages.size() && messages[message]; }
  bool Touches(const Record& r) const { return offsets.contains({r.topic, r.partition}); }
};

Traces Trace(const History& history, const Finding& finding) {
  Traces traces;
  uint32_t& job = traces.job;
  job = finding.job;
  if (job == kNoJob && finding.message < history.messages.size()) job = history.messages[finding.message].job;
  traces.messages.resize(history.messages.size());
  for (size_t i = 0; i < history.messages.size(); ++i) {
    traces.messages[i] = i == finding.message || (job != kNoJob && history.messages[i].job == job);
  }
  for (const Record& r : history.records) {
    if (!traces.Has(r.message)) continue;
    if (r.process != kNoProcess) traces.processes.insert(r.process);
    if (r.kind == Kind::kAppended && r.value != 0) traces.transactions.insert(r.value);
    if (r.topic == kNoTopic || r.kind == Kind::kEffect || r.kind == Kind::kRefused) continue;
    if (r.kind == Kind::kAppended || r.kind == Kind::kDelivered) {
      traces.offsets[{r.topic, r.partition}].insert(r.sequence);
    }
  }
  return traces;
}

// Of a record about a message of the job.
uint8_t OwnWeight(const Record& r) {
  switch (r.kind) {
    case Kind::kEffect:
    case Kind::kDestroyed:
      return 2;
    case Kind::kSubmit:
    case Kind::kAccepted:
    case Kind::kDelivered:
    case Kind::kAttempt:
    case Kind::kRefused:
    case Kind::kAppended:
    case Kind::kAcked:
      return 3;
    case Kind::kConfirm:
      return r.value == 0 ? 5 : 3;
    case Kind::kPublish:
    case Kind::kSettle:
      return 4;
    default:
      return 5;
  }
}

class Weigher {
 public:
  Weigher(const History& history, const Finding& finding) : history_(history), traces_(Trace(history, finding)) {}

  uint32_t job() const { return traces_.job; }

  // In the order of the history.
  uint8_t Weigh(const Record& r) {
    if (traces_.Has(r.message)) return OwnWeight(r);
    switch (r.kind) {
      case Kind::kFault:
      case Kind::kCrash:
      case Kind::kStuck:
      case Kind::kLimit:
        return 2;
      case Kind::kHealed:
        return 3;
      case Kind::kStart:
      case Kind::kDrain:
      case Kind::kStopped:
      case Kind::kPaused:
      case Kind::kResumed:
        return traces_.processes.contains(r.process) ? 3 : 0;
      case Kind::kTrouble:
        return traces_.processes.contains(r.process) ? (r.value == 0 ? 5 : 4) : 0;
      case Kind::kAssigned:
        committed_[{r.stage, r.topic, r.partition}] = r.value;
        return traces_.Touches(r) ? 4 : 0;
      case Kind::kRevoking:
      case Kind::kReleased:
      case Kind::kLost:
        return traces_.Touches(r) ? 4 : 0;
      case Kind::kCommit:
      case Kind::kCommitted:
        return Commit(r);
      case Kind::kEnded:
        return traces_.transactions.contains(r.value) ? 3 : 0;
      case Kind::kTransact:
      case Kind::kTransacted:
        return traces_.processes.contains(r.process) ? (r.value == 0 ? 5 : 4) : 0;
      case Kind::kMoved:
        return Moved(r) ? 4 : 0;
      case Kind::kQuiet:
        return 3;
      default:
        return 0;
    }
  }

  // What a record that moves a reader's place means for the job; empty where nothing.
  std::string_view Note(const Record& r, uint8_t weight) const {
    if (r.kind == Kind::kAssigned) {
      if (history_.topology.queue) return "";
      const auto offsets = traces_.offsets.find({r.topic, r.partition});
      const bool past = offsets != traces_.offsets.end() && *offsets->second.begin() < r.value;
      return past ? ", past " : "";
    }
    if (traces_.Has(r.message) || weight == 0) return "";
    if (r.kind == Kind::kCommit) return ", also ";
    if (r.kind == Kind::kCommitted) return r.sequence < r.value ? ", back before " : ", past ";
    return "";
  }

 private:
  // A commit that takes an offset of the job behind or in front of itself.
  uint8_t Commit(const Record& r) {
    uint64_t before = r.value;
    if (r.kind == Kind::kCommit) before = std::exchange(committed_[{r.stage, r.topic, r.partition}], r.sequence);
    const auto offsets = traces_.offsets.find({r.topic, r.partition});
    if (offsets == traces_.offsets.end()) return 0;
    const auto [low, high] = std::minmax(r.sequence, before);
    const auto first = offsets->second.lower_bound(low);
    return first != offsets->second.end() && *first < high ? 3 : 0;
  }

  bool Moved(const Record& r) const {
    if (r.stage >= history_.topology.stages.size()) return false;
    const uint16_t input = history_.topology.stages[r.stage].input;
    const auto first = traces_.offsets.lower_bound({input, 0});
    return first != traces_.offsets.end() && first->first.first == input;
  }

  const History& history_;
  const Traces traces_;
  // Stage, topic, partition: up to where processes have committed.
  std::map<std::tuple<uint16_t, uint16_t, uint16_t>, uint64_t> committed_;
};

struct Weighed {
  Weights weights;
  std::map<uint32_t, std::string> notes;  // by record: what it adds about the job
};

Weighed WeighAll(const Names& names, const Finding& finding) {
  const History& history = names.history();
  Weigher weigher(history, finding);
  Weighed weighed;
  weighed.weights.resize(history.records.size());
  for (uint32_t i = 0; i < weighed.weights.size(); ++i) {
    weighed.weights[i] = weigher.Weigh(history.records[i]);
    const std::string_view note = weigher.Note(history.records[i], weighed.weights[i]);
    if (!note.empty()) weighed.notes[i] = std::string(note) + names.Job(weigher.job());
  }
  for (const uint32_t index : finding.evidence) {
    if (index < weighed.weights.size()) weighed.weights[index] = 1;
  }
  return weighed;
}

// Takes repetitions away: of records that say the same of the same, the first two and the last stay.
void DropRepetitions(const History& history, const Weights& weights, std::vector<uint32_t>& kept) {
  using Shape = std::tuple<Kind, uint8_t, uint16_t, uint16_t, uint16_t, uint16_t, uint32_t, uint64_t>;
  const auto shape = [&](uint32_t index) {
    const Record& r = history.records[index];
    const bool status =
        r.kind == Kind::kAttempt || r.kind == Kind::kRefused || r.kind == Kind::kConfirm || r.kind == Kind::kFault;
    return Shape(r.kind, r.flags, r.process, r.stage, r.topic, r.partition, r.message, status ? r.value : 0);
  };
  std::map<Shape, std::pair<uint32_t, uint32_t>> seen;  // how many, the last
  for (const uint32_t index : kept) {
    auto& [count, last] = seen[shape(index)];
    ++count;
    last = index;
  }
  std::map<Shape, uint32_t> before;
  std::erase_if(kept, [&](uint32_t index) {
    const auto& [count, last] = seen[shape(index)];
    return ++before[shape(index)] > 2 && count > 4 && index != last && weights[index] > 1;
  });
}

// The `count` that matter most; of what matters equally, as many from the start as from the end.
std::vector<uint32_t> Best(const Weights& weights, const std::vector<uint32_t>& from, size_t count) {
  std::array<std::vector<uint32_t>, 6> by_weight;
  for (const uint32_t index : from) by_weight[weights[index]].push_back(index);
  std::vector<uint32_t> best;
  for (size_t weight = 1; weight < by_weight.size() && best.size() < count; ++weight) {
    const std::vector<uint32_t>& all = by_weight[weight];
    const size_t take = std::min(all.size(), count - best.size());
    const size_t head = take - take / 2;
    best.insert(best.end(), all.begin(), all.begin() + static_cast<ptrdiff_t>(head));
    best.insert(best.end(), all.end() - static_cast<ptrdiff_t>(take / 2), all.end());
  }
  std::sort(best.begin(), best.end());
  return best;
}

// "14 more deliveries, 2 more confirms": of the relevant records in [from, to).
std::string Gap(const History& history, const std::vector<uint32_t>& relevant, size_t from, size_t to) {
  std::map<Kind, size_t> counts;
  for (size_t i = from; i < to; ++i) ++counts[history.records[relevant[i]].kind];
  std::string text;
  for (const auto& [kind, count] : counts) {
    if (!text.empty()) text += ", ";
    text += std::to_string(count) + " more " + std::string(Noun(kind, count > 1));
  }
  return text;
}

std::vector<TimelineLine> Lines(const Names& names, const Weighed& weighed, const std::vector<uint32_t>& relevant,
                                const std::vector<uint32_t>& kept) {
  const History& history = names.history();
  std::vector<TimelineLine> lines;
  size_t next = 0;  // in relevant
  const auto close_gap = [&](size_t end) {
    if (next < end) lines.push_back({.who = "…", .what = Gap(history, relevant, next, end)});
  };
  for (const uint32_t index : kept) {
    const auto at = static_cast<size_t>(std::lower_bound(relevant.begin(), relevant.end(), index) - relevant.begin());
    close_gap(at);
    const Record& record = history.records[index];
    std::string what = Sentence(names, record);
    if (const auto note = weighed.notes.find(index); note != weighed.notes.end()) what += note->second;
    lines.push_back({index, names.Who(record), std::move(what), weighed.weights[index] == 1});
    next = at + 1;
  }
  close_gap(relevant.size());
  return lines;
}

}  // namespace

Weights Weigh(const Names& names, const Finding& finding) { return WeighAll(names, finding).weights; }

std::vector<TimelineLine> Timeline(const Names& names, const Finding& finding, size_t max_lines) {
  const Weighed weighed = WeighAll(names, finding);
  std::vector<uint32_t> relevant;
  for (uint32_t i = 0; i < weighed.weights.size(); ++i) {
    if (weighed.weights[i] != 0) relevant.push_back(i);
  }
  std::vector<uint32_t> candidates = relevant;
  DropRepetitions(names.history(), weighed.weights, candidates);
  // Gaps are lines too: take away until all fits. Without any record kept there is one line, so this ends.
  for (size_t count = std::min(candidates.size(), max_lines);; --count) {
    std::vector<TimelineLine> lines = Lines(names, weighed, relevant, Best(weighed.weights, candidates, count));
    if (lines.size() <= max_lines || count == 0) return lines;
  }
}

}  // namespace millrace::sim
