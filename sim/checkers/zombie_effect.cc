// An effect by a process that has been superseded (its message's partition was given to another, or to another life of it,
// since) must not change what comes out. A sink that recognises repeats may legally get a late first effect from it: the
// owner's is then the repeat. It has changed something
//   * when the message took effect another time, before or after, and neither was recognised as a repeat;
//   * when a later message of its key, in its partition, had taken effect before, by another process: the order is wrong.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

struct Furthest {
  uint32_t partition = kNone;
  uint32_t position = 0;
  uint32_t record = kNone;
};

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : history_(context.history),
        index_(context.index),
        findings_(context, kZombieEffect.name),
        latest_(index_.slots(), kNone),
        latest_of_(static_cast<size_t>(index_.slots()) * index_.processes(), kNone),
        effect_(index_.pairs().size(), kNone),
        zombie_(index_.pairs().size(), 0),
        furthest_(history_.topology.stages.size()) {}

  CheckResult Run() {
    if (!index_.Has(Kind::kEffect)) return {};
    const auto assigned = index_.Of(Kind::kAssigned);
    size_t next = 0;
    for (uint32_t at : index_.Of(Kind::kEffect)) {
      for (; next < assigned.size() && assigned[next] < at; ++next) OnAssigned(assigned[next]);
      OnEffect(at);
      if (findings_.full()) break;
    }
    return findings_.Take();
  }

 private:
  void OnAssigned(uint32_t at) {
    const uint32_t holding = index_.HoldingOf(at);
    if (holding == kNone) return;
    const Holding& held = index_.holdings()[holding];
    latest_[held.slot] = holding;
    latest_of_[static_cast<size_t>(held.slot) * index_.processes() + held.process] = holding;
  }

  // The assignment that took the message from the process of the record; kNone where it still has it. A process that
  // never had it is none of ours to judge.
  uint32_t SupersededBy(const Record& record, uint32_t slot) const {
    if (slot == kNone || latest_[slot] == kNone || record.process >= index_.processes()) return kNone;
    const uint32_t mine = latest_of_[static_cast<size_t>(slot) * index_.processes() + record.process];
    if (mine == kNone) return kNone;
    const Holding& last = index_.holdings()[latest_[slot]];
    if (last.process == record.process && last.incarnation == record.incarnation) return kNone;
    return last.assigned;
  }

  void OnEffect(uint32_t at) {
    const Record& record = index_.records()[at];
    const uint32_t number = index_.PairOf(record.stage, record.message);
    if (number == kNone || !history_.topology.stages[record.stage].sink || (record.flags & kRepeat) != 0) return;
    const uint32_t superseded = SupersededBy(record, index_.SlotOfPair(index_.pair(number)));
    const uint32_t before = effect_[number];
    if (before == kNone) {
      effect_[number] = at;
      zombie_[number] = superseded != kNone;
      if (superseded != kNone) CheckOrder(at, superseded);
    } else if (index_.records()[before].topic == record.topic && (superseded != kNone || zombie_[number] != 0)) {
      findings_.Add("late effect not recognised",
                    StageName(history_, record.stage) + ": " + MessageName(history_, record.message) +
                        " took effect twice, once by a process that had been superseded",
                    kNoJob, record.message, {before, superseded, at});
    }
    MoveOn(at);
  }

  Furthest* FurthestOf(const Record& record) {
    const MessageFacts& facts = index_.message(record.message);
    const bool ordered = facts.topic != kNoTopic && history_.topology.topics[facts.topic].ordered;
    if (!ordered || facts.key >= history_.keys.size() || facts.partition == kNone) return nullptr;
    std::vector<Furthest>& keys = furthest_[record.stage];
    if (keys.empty()) keys.resize(history_.keys.size());
    return &keys[facts.key];
  }

  void CheckOrder(uint32_t at, uint32_t superseded) {
    const Record& record = index_.records()[at];
    const Furthest* furthest = FurthestOf(record);
    if (furthest == nullptr || furthest->record == kNone) return;
    // What was destroyed in front of others, or became a dead letter at its next owner, is late wherever it was still under
    // way, as in key-order.
    const uint32_t number = index_.PairOf(record.stage, record.message);
    if (number != kNone && (index_.pair(number).destroyed_at < at || index_.pair(number).dead_at < at)) return;
    const MessageFacts& facts = index_.message(record.message);
    const Record& other = index_.records()[furthest->record];
    const bool same = other.process == record.process && other.incarnation == record.incarnation;
    if (same || furthest->partition != facts.partition || furthest->position < facts.position) return;
    findings_.Add("late effect out of order",
                  StageName(history_, record.stage) + ": " + MessageName(history_, record.message) +
                      " took effect by a process that had been superseded, behind " +
                      MessageName(history_, other.message) + " of the same key, which comes later",
                  kNoJob, record.message, {superseded, furthest->record, at});
  }

  void MoveOn(uint32_t at) {
    const Record& record = index_.records()[at];
    Furthest* furthest = FurthestOf(record);
    if (furthest == nullptr) return;
    const MessageFacts& facts = index_.message(record.message);
    if (furthest->partition == facts.partition && facts.position < furthest->position) return;
    *furthest = {facts.partition, facts.position, at};
  }

  const History& history_;
  const HistoryIndex& index_;
  Findings findings_;
  std::vector<uint32_t> latest_;                 // by slot: the last holding
  std::vector<uint32_t> latest_of_;              // by slot and process
  std::vector<uint32_t> effect_;                 // by pair: the first effect that was no repeat
  std::vector<uint8_t> zombie_;                  // by pair: that one came late
  std::vector<std::vector<Furthest>> furthest_;  // by stage and key
};

CheckResult Check(const CheckContext& context) { return Pass(context).Run(); }

constexpr Excuse kExcuses[] = {
    {.concerns = MakesFail, .why = "late effects of what became a dead letter at its next owner"},
    {.concerns = DestroysAny, .why = "late effects of what was destroyed"}};

}  // namespace

const Checker kZombieEffect = {.name = "zombie-effect",
                               .summary = "effects of processes that were superseded change nothing",
                               .check = Check,
                               .excuses = kExcuses};

}  // namespace millrace::sim
