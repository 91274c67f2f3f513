// A stage that is exactly-once makes what it puts on the bus and the offsets of its inputs visible in one step, once. For each
// transaction that the broker has committed:
//   * what it settles has all outputs of a successful attempt in it, or a dead letter, for each copy of the input (or nothing of
//     it, where it was settled before and the offset has gone back since);
//   * what it makes visible is of inputs that it settles, and no more often than it settles them;
// and nothing is settled outside of a transaction. As each copy of an input is settled once (commit-regression, no-loss), its
// outputs are seen once. What a process is told of the end of its transaction is how the broker has ended it
// (exactly_once_told.cc).
//
// An attempt may run more than once, and be published more often still: nobody sees that.
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/exactly_once_seen.h"
#include "sim/checkers/exactly_once_told.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

// Something that belongs to an input of a stage in a transaction.
struct Item {
  uint64_t transaction = 0;
  uint32_t pair = kNone;          // of the first content of the input's id
  uint32_t message = kNoMessage;  // the output's, or the settled input's; of the first content of its id
  uint32_t record = kNone;
  bool dead = false;
  bool again = false;  // settled before, by an earlier transaction, and the offset went back behind it
  bool operator<(const Item& other) const {
    return std::tie(transaction, pair, dead, message, record) <
           std::tie(other.transaction, other.pair, other.dead, other.message, other.record);
  }
};

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : context_(context), history_(context.history), index_(context.index), findings_(context, kExactlyOnce.name) {}

  CheckResult Run() {
    TakeAttempts();
    TakeSettlements();
    TakeOutputs();
    std::sort(settled_.begin(), settled_.end());
    std::sort(seen_.begin(), seen_.end());
    Compare();
    CheckTold(context_, &findings_);
    return findings_.Take();
  }

 private:
  bool ExactlyOnce(uint16_t stage) const {
    return stage < history_.topology.stages.size() && history_.topology.stages[stage].exactly_once;
  }
  uint32_t CanonicalPair(uint16_t stage, uint32_t message) const {
    return message < index_.messages().size() ? index_.PairOf(stage, index_.message(message).canonical) : kNone;
  }

  // Outputs of each attempt stand behind it, mixed with what other processes and stages do.
  void TakeAttempts() {
    const size_t stages = history_.topology.stages.size();
    std::vector<uint32_t> current(index_.processes() * stages, kNone);
    std::vector<uint32_t> number_at(index_.records().size(), kNone);
    for (uint32_t i = 0; i < index_.attempts().size(); ++i) number_at[index_.attempts()[i].record] = i;
    outputs_.resize(index_.attempts().size());
    index_.ForEachOf({Kind::kAttempt, Kind::kOutput}, [&](uint32_t at) {
      const Record& record = index_.records()[at];
      if (record.process >= index_.processes() || !ExactlyOnce(record.stage)) return true;
      uint32_t& attempt = current[record.process * stages + record.stage];
      if (record.kind == Kind::kAttempt) {
        attempt = number_at[at];
      } else if (attempt != kNone && (record.flags & kDeadLetter) == 0 && record.message < index_.messages().size()) {
        outputs_[attempt].push_back(index_.message(record.message).canonical);
      }
      return true;
    });
  }

  void TakeSettlements() {
    for (const Settlement& settlement : index_.settlements()) {
      const PairFacts& pair = index_.pair(settlement.pair);
      const Record& record = index_.records()[settlement.record];
      // What was committed before it was there is told elsewhere.
      if (!ExactlyOnce(pair.stage) || record.kind != Kind::kCommitted || findings_.full()) continue;
      if (record.epoch == 0) {
        findings_.Add("settled outside of a transaction",
                      StageName(history_, pair.stage) + ": " + MessageName(history_, pair.message) +
                          " was settled outside of any transaction",
                      kNoJob, pair.message, {settlement.record});
        continue;
      }
      settled_.push_back({.transaction = record.epoch,
                          .pair = CanonicalPair(pair.stage, pair.message),
                          .message = pair.message,
                          .record = settlement.record,
                          .again = Again(settlement)});
    }
  }

  bool Again(const Settlement& settlement) const {
    const uint64_t sequence = index_.copies()[settlement.copy].sequence;
    const uint16_t stage = index_.pair(settlement.pair).stage;
    const Record& record = index_.records()[settlement.record];
    const uint32_t slot = index_.SlotOf(stage, record.partition);
    const auto steps = index_.steps_back();
    return std::any_of(steps.begin(), steps.end(), [&](const HistoryIndex::StepBack& step) {
      return step.slot == slot && step.record < settlement.record && step.to <= sequence && sequence < step.from;
    });
  }

  void TakeOutputs() {
    for (uint64_t number = 1; number < index_.transactions().size(); ++number) {
      const TransactionFacts& transaction = index_.transactions()[number];
      if (!transaction.committed) continue;
      for (const uint32_t copy : transaction.copies) {
        const uint32_t message = index_.copies()[copy].message;
        const MessageInfo& info = history_.messages[message];
        const bool dead = info.role == MessageRole::kDeadLetter;
        uint16_t stage = info.stage;
        uint32_t input = info.of;
        if (!dead) {
          const uint32_t made = index_.message(message).first_output;
          if (made == kNever) continue;
          stage = index_.records()[made].stage;
          input = static_cast<uint32_t>(index_.records()[made].value);
        }
        const uint32_t pair = CanonicalPair(stage, input);
        if (pair == kNone || !ExactlyOnce(stage)) continue;
        seen_.push_back({.transaction = number,
                         .pair = pair,
                         .message = index_.message(message).canonical,
                         .record = index_.copies()[copy].record,
                         .dead = dead});
      }
    }
  }

  // Of one input of a stage in one transaction after the other.
  void Compare() {
    size_t s = 0, o = 0;
    const auto before = [](const Item& a, const Item& b) {
      return std::tie(a.transaction, a.pair) < std::tie(b.transaction, b.pair);
    };
    while ((s < settled_.size() || o < seen_.size()) && !findings_.full()) {
      const bool only_seen = s == settled_.size() || (o < seen_.size() && before(seen_[o], settled_[s]));
      const Item first = only_seen ? seen_[o] : settled_[s];
      const size_t s0 = s, o0 = o;
      while (s < settled_.size() && !before(first, settled_[s]) && !before(settled_[s], first)) ++s;
      while (o < seen_.size() && !before(first, seen_[o]) && !before(seen_[o], first)) ++o;
      CompareOne(first, std::span(settled_).subspan(s0, s - s0), std::span(seen_).subspan(o0, o - o0));
    }
  }

  void CompareOne(const Item& first, std::span<const Item> settled, std::span<const Item> seen) {
    const bool known = first.transaction < index_.transactions().size();
    const uint32_t ended = known ? index_.transactions()[first.transaction].ended : kNever;
    const auto dead =
        static_cast<size_t>(std::count_if(seen.begin(), seen.end(), [](const Item& i) { return i.dead; }));
    const PairFacts& pair = index_.pair(first.pair);
    const std::string input = StageName(history_, pair.stage) + ": " + MessageName(history_, pair.message);
    if (settled.empty()) {
      findings_.Add("outputs without their settlement",
                    input + " has outputs in a transaction that does not settle it, and that was committed", kNoJob,
                    seen.front().message, {seen.front().record, ended});
      return;
    }
    // Live outputs stand before dead letters, those of one id side by side.
    for (size_t i = 0; i < seen.size() && !seen[i].dead;) {
      const size_t from = i;
      while (i < seen.size() && !seen[i].dead && seen[i].message == seen[from].message) ++i;
      if (i - from + dead <= settled.size()) continue;
      AddTwice(input, seen[i - 1], settled.size(), ended);
      return;
    }
    if (dead > settled.size()) return AddTwice(input, seen.back(), settled.size(), ended);
    if (Complete(first.pair, settled, seen, dead)) return;
    findings_.Add("settled without its outputs",
                  input + " was settled by a transaction that has not all outputs of an attempt, nor a dead letter",
                  kNoJob, settled.front().message, {LastAttempt(settled), ended, settled.front().record});
  }

  void AddTwice(const std::string& input, const Item& item, size_t settled, uint32_t ended) {
    findings_.Add("seen more often than settled",
                  input + " is settled " + std::to_string(settled) + " times by a transaction in which " +
                      MessageName(history_, item.message) + " is seen more often",
                  kNoJob, item.message, {item.record, ended});
  }

  uint32_t LastAttempt(std::span<const Item> settled) const {
    const uint32_t pair = index_.PairOf(index_.pair(settled.front().pair).stage, settled.front().message);
    const uint32_t attempt = pair == kNone ? kNone : index_.pair(pair).last_attempt;
    return attempt == kNone ? kNone : index_.attempts()[attempt].record;
  }

  // Whether each settled copy has a dead letter, or all outputs of an attempt that had succeeded by then.
  bool Complete(uint32_t canonical, std::span<const Item> settled, std::span<const Item> seen, size_t dead) const {
    if (dead >= settled.size()) return true;
    // A transaction that was open when the offset went back takes it over what others have settled before, as it is.
    if (seen.empty() && std::all_of(settled.begin(), settled.end(), [](const Item& i) { return i.again; })) return true;
    const uint16_t stage = index_.pair(canonical).stage;
    for (const Item& item : settled) {
      const PairFacts& pair = index_.pair(index_.PairOf(stage, item.message));
      if (pair.destroyed_at < item.record) return true;
      for (uint32_t a = pair.last_attempt; a != kNone; a = index_.attempts()[a].previous) {
        const uint32_t record = index_.attempts()[a].record;
        if (record > item.record || index_.records()[record].value != 0) continue;
        const bool all = std::all_of(outputs_[a].begin(), outputs_[a].end(), [&](uint32_t output) {
          const auto count = std::count_if(seen.begin(), seen.end(),
                                           [output](const Item& i) { return !i.dead && i.message == output; });
          return static_cast<size_t>(count) + dead >= settled.size();
        });
        if (all) return true;
      }
    }
    return false;
  }

  const CheckContext& context_;
  const History& history_;
  const HistoryIndex& index_;
  Findings findings_;
  std::vector<std::vector<uint32_t>> outputs_;  // by attempt; of the first content of each id
  std::vector<Item> settled_, seen_;
};

CheckResult Check(const CheckContext& context) {
  if (!HasTransactions(context.history.topology)) return NotCheckable("no stage is EXACTLY_ONCE");
  if (!context.history.observed) return Pass(context).Run();
  Findings findings(context, kExactlyOnce.name);
  CheckSeenOnce(context, &findings);
  return findings.Take();
}

constexpr Excuse kExcuses[] = {
    {.concerns = DestroysOfLogs, .why = "inputs that were destroyed before they were settled"},
    {.concerns = GivesAgain,
     .why = "inputs behind which the committed offset went back: a transaction may settle them again without their "
            "outputs; and who "
            "cannot find out by the offset how its commit has ended"}};

}  // namespace

const Checker kExactlyOnce = {
    .name = "exactly-once",
    .summary =
        "what a stage that is EXACTLY_ONCE puts on the bus is seen once, in one step with the offsets of its inputs",
    .check = Check,
    .needs = "a stage that is EXACTLY_ONCE",
    .excuses = kExcuses};

}  // namespace millrace::sim
