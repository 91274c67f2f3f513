// Of log-consistency: where holdings start, by what their group has committed, and what nobody was ever given.
//
// A process asks for the committed offset some time after it had the partition no more (or has started) and before it says
// that it has it; it hears of it late, and others may have committed since. So an offset is right that the group had at any
// moment of that time. Behind everything that was ever committed none is right, but for what was destroyed. A log whose end was
// destroyed is shorter than what was committed: who finds that out is told so, loses the partition and has it again, from where
// the log ends.
#include <algorithm>
#include <string>
#include <vector>

#include "sim/checkers/log_parts.h"

namespace millrace::sim {
namespace {

class Starts {
 public:
  Starts(const CheckContext& context, Findings* findings)
      : history_(context.history),
        index_(context.index),
        findings_(*findings),
        committed_(index_.slots(), 0),
        highest_(index_.slots(), 0),
        lowest_(static_cast<size_t>(index_.processes()) * index_.slots(), 0),
        assigned_(lowest_.size(), 0),
        shortened_(lowest_.size(), kNone) {}

  void Run() {
    index_.ForEachOf({Kind::kCommitted, Kind::kStart, Kind::kReleased, Kind::kLost, Kind::kAssigned, Kind::kTrouble},
                     [&](uint32_t at) {
                       Take(at);
                       return !findings_.full();
                     });
  }

 private:
  void Take(uint32_t at) {
    const Record& record = index_.records()[at];
    if (record.kind == Kind::kStart) {
      if (record.process >= index_.processes()) return;
      std::copy(committed_.begin(), committed_.end(), lowest_.begin() + LowestOf(record.process, 0));
      std::fill_n(shortened_.begin() + LowestOf(record.process, 0), index_.slots(), kNone);
      return;
    }
    const uint32_t slot = index_.SlotOf(record.stage, record.partition);
    if (slot == kNone) return;
    if (record.kind == Kind::kTrouble) {
      if (record.value == kDataLoss && record.topic != kNoTopic && record.process < index_.processes())
        shortened_[LowestOf(record.process, slot)] = at;
      return;
    }
    if (record.kind == Kind::kCommitted) {
      committed_[slot] = record.sequence;
      highest_[slot] = std::max(highest_[slot], record.sequence);
      for (uint32_t process = 0; process < index_.processes(); ++process) {
        uint64_t& lowest = lowest_[LowestOf(process, slot)];
        lowest = std::min(lowest, record.sequence);
      }
      return;
    }
    if (record.process >= index_.processes()) return;
    if (record.kind == Kind::kAssigned) {
      CheckStart(at, slot);
      assigned_[LowestOf(record.process, slot)] = at;
    } else {
      lowest_[LowestOf(record.process, slot)] = committed_[slot];
    }
  }

  void CheckStart(uint32_t at, uint32_t slot) {
    const Record& record = index_.records()[at];
    const auto who = [&] {
      return ProcessName(history_, record) + ", " + StageName(history_, record.stage) + " starts " +
             PlaceName(history_, record.topic, record.partition) + " at " + std::to_string(record.value);
    };
    const uint64_t lowest = lowest_[LowestOf(record.process, slot)];
    // Told of since it had the partition last.
    const uint32_t shortened = shortened_[LowestOf(record.process, slot)];
    const bool told = shortened != kNone && shortened > assigned_[LowestOf(record.process, slot)];
    // Where commits are known by who has asked for them, they need not have been taken.
    if (record.value < lowest && !told && !history_.observed) {
      findings_.Add("nonmonotonic-poll", who() + ", where its group was at " + std::to_string(lowest) + " or beyond",
                    kNoJob, kNoMessage, {at});
      return;
    }
    if (record.value <= highest_[slot]) return;
    // Nor does anybody say that the transaction of somebody who died was committed.
    if (history_.observed && history_.topology.stages[record.stage].exactly_once) return;
    const uint32_t partition = index_.PartitionOfSlot(slot);
    const auto copies = index_.CopiesIn(partition);
    for (uint32_t i = index_.OrdinalAt(partition, highest_[slot]);
         i < copies.size() && copies[i].sequence < record.value; ++i) {
      if (copies[i].visible >= at || copies[i].destroyed < at) continue;
      findings_.Add("poll-skip",
                    who() + ", and its group has committed no further than " + std::to_string(highest_[slot]) + ": " +
                        MessageName(history_, copies[i].message) + " lies in between",
                    kNoJob, copies[i].message, {copies[i].record, at});
      return;
    }
  }

  size_t LowestOf(uint32_t process, uint32_t slot) const {
    return static_cast<size_t>(process) * index_.slots() + slot;
  }

  static constexpr uint64_t kDataLoss = 15;  // absl::StatusCode

  const History& history_;
  const HistoryIndex& index_;
  Findings& findings_;
  std::vector<uint64_t> committed_, highest_;  // by slot: now, and ever
  std::vector<uint64_t> lowest_;               // by process and slot: since it could ask
  std::vector<uint32_t> assigned_;             // by process and slot: when it was given it last
  std::vector<uint32_t> shortened_;  // by process and slot: when it was told last that something was destroyed
};

void CheckSeen(const CheckContext& context, Findings* findings) {
  const HistoryIndex& index = context.index;
  for (const PairFacts& pair : index.pairs()) {
    const uint32_t append = index.message(pair.message).first_append;
    if (append == kNever || pair.first_delivered != kNever || pair.destroyed > 0 || findings->full()) continue;
    findings->Add("unseen",
                  MessageName(context.history, pair.message) + " was appended, and never delivered to " +
                      StageName(context.history, pair.stage),
                  kNoJob, pair.message, {append});
  }
}

}  // namespace

void CheckStarts(const CheckContext& context, Findings* findings) {
  if (!context.index.queue()) Starts(context, findings).Run();
  if (context.index.quiet()) CheckSeen(context, findings);
}

}  // namespace millrace::sim
