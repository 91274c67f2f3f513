// A process settles a message only after it, or one before it, was told that all outputs of an attempt (or the dead
// letter) are durable; and on logs it commits no further than what it has settled without a hole.
//
// This is what the process does, whatever the broker then makes of it: settled-correctly looks at the other side.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : context_(context), index_(context.index), findings_(context, kSettleBeforeConfirm.name) {
    if (index_.queue()) return;
    uint32_t copies = 0;
    for (uint32_t slot = 0; slot < index_.slots(); ++slot) {
      begin_.push_back(copies);
      copies += static_cast<uint32_t>(index_.CopiesIn(index_.PartitionOfSlot(slot)).size());
    }
    settled_by_.assign(copies, kNone);
    delivered_to_.assign(copies, kNone);
    checked_.assign(index_.holdings().size(), kNone);
    reached_.assign(index_.holdings().size(), 0);
  }

  CheckResult Run() {
    // On queues nothing is committed: who was given what does not matter.
    if (index_.queue()) {
      for (const uint32_t at : index_.Of(Kind::kSettle)) {
        if (findings_.full()) break;
        OnSettle(at);
      }
      return findings_.Take();
    }
    index_.ForEachOf({Kind::kDelivered, Kind::kSettle, Kind::kCommit}, [this](uint32_t at) {
      switch (index_.records()[at].kind) {
        case Kind::kDelivered:
          Mark(at, &delivered_to_);
          break;
        case Kind::kSettle:
          OnSettle(at);
          Mark(at, &settled_by_);
          break;
        default:
          OnCommit(at);
          break;
      }
      return !findings_.full();
    });
    return findings_.Take();
  }

 private:
  void OnSettle(uint32_t at) {
    const Record& record = index_.records()[at];
    const uint32_t number = index_.PairOf(record.stage, record.message);
    if (number == kNone) return;
    const PairFacts& pair = index_.pair(number);
    if (pair.told_at() < at) return;
    bool success = false;
    for (uint32_t a = pair.last_attempt; a != kNone; a = index_.attempts()[a].previous) {
      const uint32_t attempt = index_.attempts()[a].record;
      success |= attempt < at && index_.records()[attempt].value == 0;
    }
    const bool dead = !success && pair.dead_made_at < at;
    const char* signature = success ? "outputs not confirmed" : dead ? "dead letter not confirmed" : "nothing finished";
    const char* because = success ? " before all its outputs were confirmed"
                          : dead  ? " before its dead letter was confirmed"
                                  : " although no attempt of it had succeeded";
    findings_.Add(signature,
                  ProcessName(context_.history, record) + ", " + StageName(context_.history, record.stage) +
                      " settled " + MessageName(context_.history, record.message) + because,
                  kNoJob, record.message,
                  {pair.last_attempt == kNone ? kNone : index_.attempts()[pair.last_attempt].record,
                   dead ? pair.dead_made_at : kNone, at});
  }

  // Logs: notes at the copy which holding it was delivered to, or settled under.
  void Mark(uint32_t at, std::vector<uint32_t>* marks) {
    const uint32_t holding = index_.HoldingOf(at);
    if (holding == kNone) return;
    if (marks == &delivered_to_) reached_[holding] = std::max(reached_[holding], index_.records()[at].sequence + 1);
    const uint32_t slot = index_.holdings()[holding].slot;
    const uint32_t partition = index_.PartitionOfSlot(slot);
    const uint64_t sequence = index_.records()[at].sequence;
    const uint32_t ordinal = index_.OrdinalAt(partition, sequence);
    const auto copies = index_.CopiesIn(partition);
    if (ordinal < copies.size() && copies[ordinal].sequence == sequence) (*marks)[begin_[slot] + ordinal] = holding;
  }

  void OnCommit(uint32_t at) {
    const uint32_t number = index_.HoldingOf(at);
    if (number == kNone) return;
    const Record& record = index_.records()[at];
    const Holding& holding = index_.holdings()[number];
    const uint32_t partition = index_.PartitionOfSlot(holding.slot);
    const auto copies = index_.CopiesIn(partition);
    uint32_t& checked = checked_[number];
    if (checked == kNone) checked = index_.OrdinalAt(partition, holding.start);
    uint64_t end = std::max(holding.start, checked > 0 ? copies[checked - 1].sequence + 1 : 0);
    for (; checked < copies.size() && copies[checked].sequence < record.sequence; ++checked) {
      const Copy& copy = copies[checked];
      if (copy.record > at) break;
      end = copy.sequence + 1;
      // Nobody sees what was aborted.
      if (copy.visible == kNever) continue;
      const uint32_t mark = begin_[holding.slot] + checked;
      if (settled_by_[mark] == number || copy.destroyed < at) continue;
      const bool delivered = delivered_to_[mark] == number;
      // Of a transaction the end comes first; whether it has what it settles is for exactly-once to say. Until it is told, a
      // zombie may be given the same.
      if (copy.sequence < reached_[number] && context_.history.topology.stages[record.stage].exactly_once) continue;
      findings_.Add(delivered ? "commit past an unfinished message" : "commit past a message that was not delivered",
                    ProcessName(context_.history, record) + ", " + StageName(context_.history, record.stage) +
                        " commits " + Place(record) + " past " + MessageName(context_.history, copy.message) +
                        (delivered ? ", which it has not settled" : ", which it was not given"),
                    kNoJob, copy.message, {copy.record, at});
    }
    if (record.sequence > end && !MarkersMayStand(copies, checked, record)) {
      findings_.Add("commit beyond the end",
                    ProcessName(context_.history, record) + ", " + StageName(context_.history, record.stage) +
                        " commits " + Place(record) + ", behind the end of what is there",
                    kNoJob, kNoMessage, {at});
    }
  }

  // Markers of transactions are no records, and their places are not known. What a real broker has tells nothing of
  // transactions: there they may be anywhere on a topic that some are written to, but where a record is still to come.
  bool MarkersMayStand(std::span<const Copy> copies, uint32_t checked, const Record& commit) const {
    const bool early = checked < copies.size() && copies[checked].sequence < commit.sequence;
    return (context_.history.observed && !early && WrittenInTransactions(commit.topic)) ||
           std::any_of(copies.begin(), copies.begin() + checked,
                       [](const Copy& copy) { return copy.visible != copy.record; });
  }

  bool WrittenInTransactions(uint16_t topic) const {
    const std::vector<StageInfo>& stages = context_.history.topology.stages;
    return std::any_of(stages.begin(), stages.end(), [topic](const StageInfo& stage) {
      return stage.exactly_once && (stage.dead_letter == topic || std::find(stage.outputs.begin(), stage.outputs.end(),
                                                                            topic) != stage.outputs.end());
    });
  }

  std::string Place(const Record& record) const {
    return PlaceName(context_.history, record.topic, record.partition) + " up to " + std::to_string(record.sequence);
  }

  const CheckContext& context_;
  const HistoryIndex& index_;
  Findings findings_;
  // Logs: copies of slots, densely; by holding the first copy that no commit was checked for.
  std::vector<uint32_t> begin_, settled_by_, delivered_to_, checked_;
  std::vector<uint64_t> reached_;  // by holding: behind what it was delivered
};

CheckResult Check(const CheckContext& context) { return Pass(context).Run(); }

constexpr Excuse kExcuses[] = {{.concerns = DestroysOfLogs, .why = "commits past what was destroyed"}};

}  // namespace

const Checker kSettleBeforeConfirm = {
    .name = "settle-before-confirm",
    .summary =
        "a process settles only what is confirmed (EXACTLY_ONCE: what it was told to be committed), and commits no "
        "further than that",
    .check = Check,
    .excuses = kExcuses};

}  // namespace millrace::sim
