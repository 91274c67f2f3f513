// A process that was asked to stop starts nothing more, and one that has left cleanly leaves nothing behind that has to be
// done again: what it had finished in the partitions that it gave back while it drained is not run again, and what it had
// settled of it does not even come again.
//
// What it had finished in front of an unfinished message is settled; on logs, what it had finished behind one is in the
// partition's note, which the next owner skips by (it is delivered, and not run). Notes have room for about two hundred
// ranges, and share it with parked keys: so stages with larger windows, or that park keys, are held to their settlements
// only, as are those that are exactly-once, whose results wait for all before them. Messages that were appended twice come twice, and are not
// looked at; nor is what a committed offset went back over, nor a stage that lost partitions while it drained.
#include <algorithm>
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kNotedWindow = 256;

struct Seal {
  uint32_t since = kNever;   // nothing may run after it
  uint32_t attempt = kNone;  // index into attempts(): finished, and perhaps not settled
  uint32_t settled = kNone;  // record: settled as well
  uint32_t holding = kNone;  // in which it was
};

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : history_(context.history), index_(context.index), findings_(context, kDrainKept.name) {}

  CheckResult Run() {
    CheckDispatches();
    if (SealHoldings()) {
      SealPairs();
      CheckRepeats(Kind::kDispatch);
      CheckRepeats(Kind::kDelivered);
    }
    return findings_.Take();
  }

 private:
  // kDrain is of the whole process, or of the stage that it names.
  void CheckDispatches() {
    const auto drains = index_.Of(Kind::kDrain);
    for (uint32_t drain : drains) {
      const Record& asked = index_.records()[drain];
      for (uint32_t at : index_.Of(Kind::kDispatch)) {
        if (findings_.full()) return;
        const Record& record = index_.records()[at];
        if (at < drain || record.process != asked.process || record.incarnation != asked.incarnation) continue;
        if (asked.stage != kNoStage && asked.stage != record.stage) continue;
        findings_.Add("started after drain",
                      ProcessName(history_, record) + ", " + StageName(history_, record.stage) + " started " +
                          MessageName(history_, record.message) + " after it had been asked to stop",
                      kNoJob, record.message, {drain, at});
      }
    }
  }

  // Whoever loses a partition while it drains has not left its group but was put out of it, and what was on its way then may
  // not have been taken.
  bool WasThrownOut(const Holding& held, uint32_t drain, uint32_t stop) const {
    const auto losses = index_.Of(Kind::kLost);
    for (auto at = std::upper_bound(losses.begin(), losses.end(), drain); at != losses.end() && *at < stop; ++at) {
      const Record& lost = index_.records()[*at];
      if (lost.process == held.process && lost.incarnation == held.incarnation &&
          lost.stage == index_.records()[held.assigned].stage)
        return true;
    }
    return false;
  }

  // Holdings that were given back by processes that had been asked to stop, and then left cleanly.
  bool SealHoldings() {
    sealed_.assign(index_.holdings().size(), 0);
    bool any = false;
    for (uint32_t stop : index_.Of(Kind::kStopped)) {
      const Record& stopped = index_.records()[stop];
      if ((stopped.flags & kClean) == 0) continue;
      uint32_t drain = kNever;
      for (uint32_t at : index_.Of(Kind::kDrain)) {
        const Record& asked = index_.records()[at];
        const bool mine = asked.process == stopped.process && asked.incarnation == stopped.incarnation;
        if (mine && at < stop && drain == kNever) drain = at;
      }
      for (size_t i = 0; i < sealed_.size(); ++i) {
        const Holding& held = index_.holdings()[i];
        if (held.process != stopped.process || held.incarnation != stopped.incarnation || held.end > stop) continue;
        const bool given_back = index_.records()[held.end].kind != Kind::kLost && held.end > drain;
        if (!given_back || WasThrownOut(held, drain, stop)) continue;
        sealed_[i] = 1;
        any = true;
      }
    }
    return any;
  }

  void SealPairs() {
    seals_.assign(index_.pairs().size(), {});
    for (uint32_t at : index_.Of(Kind::kSettle)) {
      const Record& record = index_.records()[at];
      const uint32_t holding = index_.HoldingOf(at);
      const uint32_t pair = index_.PairOf(record.stage, record.message);
      if (holding == kNone || pair == kNone || sealed_[holding] == 0 || at > index_.holdings()[holding].end) continue;
      seals_[pair] = {.since = index_.holdings()[holding].end, .attempt = kNone, .settled = at, .holding = holding};
    }
    if (index_.queue()) return;
    for (uint32_t number = 0; number < index_.attempts().size(); ++number) {
      const AttemptFacts& attempt = index_.attempts()[number];
      const uint32_t holding = index_.HoldingOf(attempt.record);
      if (holding == kNone || sealed_[holding] == 0 || index_.records()[attempt.record].value != 0) continue;
      const StageInfo& stage = history_.topology.stages[index_.pair(attempt.pair).stage];
      const uint32_t end = index_.holdings()[holding].end;
      if (stage.window > kNotedWindow || stage.park_key || stage.exactly_once || attempt.confirmed_at > end) continue;
      Seal& seal = seals_[attempt.pair];
      if (seal.since == kNever) seal = {.since = end, .attempt = number, .settled = kNone, .holding = holding};
    }
  }

  // Whether the process itself was told, before it gave the partition back, that all outputs are durable.
  bool WasTold(const Seal& seal) const {
    const uint32_t attempt = index_.attempts()[seal.attempt].record;
    const Record& tried = index_.records()[attempt];
    std::vector<uint32_t> waiting;
    for (uint32_t at = attempt + 1; at < seal.since; ++at) {
      const Record& record = index_.records()[at];
      if (record.process != tried.process || record.stage != tried.stage) continue;
      if (record.kind == Kind::kOutput && record.value == tried.message && (record.flags & kDeadLetter) == 0) {
        waiting.push_back(record.message);
      } else if (record.kind == Kind::kConfirm && record.value == 0) {
        std::erase(waiting, record.message);
      }
    }
    return waiting.empty();
  }

  // Whether it goes back to a time before the work was done. Who had the message by then, and stood still or is slow to hear,
  // does not know that it is done. On logs that is whoever held the partition already. On queues it is told by the broker's
  // count, which grows when a message is taken back from its consumer: what was handed out with a lower count than what was
  // settled was handed out before.
  bool OfBefore(uint32_t at, const Seal& seal) const {
    const uint32_t done = seal.settled != kNone ? seal.settled : index_.attempts()[seal.attempt].record;
    if (!index_.queue()) {
      const uint32_t holding = index_.HoldingOf(at);
      return holding != kNone && index_.holdings()[holding].assigned < done;
    }
    const uint32_t mine = DeliveryOf(at), settled = DeliveryOf(done);
    return mine != kNone && settled != kNone && index_.records()[mine].value < index_.records()[settled].value;
  }

  // Whether the group's committed offset went back behind it, after it was settled (in transactions, that is told after it has
  // happened: in the same holding). What is only finished is in a note, which goes with the offset that it belongs to.
  bool WentBackBehind(uint32_t at, const Seal& seal) const {
    const Holding& held = index_.holdings()[seal.holding];
    const bool exact = seal.settled != kNone && !history_.topology.stages[index_.records()[at].stage].exactly_once;
    const uint32_t since = exact ? seal.settled : held.assigned;
    for (const HistoryIndex::StepBack& step : index_.steps_back()) {
      if (step.record >= at) break;
      if (step.slot != held.slot || step.record < since) continue;
      if (seal.settled == kNone || step.to <= index_.records()[seal.settled].sequence) return true;
    }
    return false;
  }

  // The delivery that a record of a process is about: the last of the message, before it, under that epoch.
  uint32_t DeliveryOf(uint32_t at) const {
    const Record& record = index_.records()[at];
    const auto deliveries = index_.Of(Kind::kDelivered);
    for (auto next = std::upper_bound(deliveries.begin(), deliveries.end(), at); next != deliveries.begin();) {
      const Record& delivered = index_.records()[*--next];
      if (delivered.message == record.message && delivered.process == record.process &&
          delivered.incarnation == record.incarnation && delivered.stage == record.stage &&
          delivered.epoch == record.epoch)
        return *next;
    }
    return kNone;
  }

  void CheckRepeats(Kind kind) {
    for (uint32_t at : index_.Of(kind)) {
      if (findings_.full()) return;
      const Record& record = index_.records()[at];
      const uint32_t number = index_.PairOf(record.stage, record.message);
      if (number == kNone) continue;
      const Seal& seal = seals_[number];
      if (seal.since > at || index_.message(record.message).appends > 1) continue;
      if (OfBefore(at, seal) || WentBackBehind(at, seal)) continue;
      const bool settled = seal.settled != kNone;
      if (!settled && (kind == Kind::kDelivered || !WasTold(seal))) continue;
      const char* signature = kind == Kind::kDelivered ? "settled work came again after a clean leave"
                                                       : "finished work was done again after a clean leave";
      findings_.Add(signature,
                    ProcessName(history_, record) + ", " + StageName(history_, record.stage) +
                        (kind == Kind::kDelivered ? " was given " : " ran ") + MessageName(history_, record.message) +
                        ", which a process that has left cleanly had " + (settled ? "settled" : "finished"),
                    kNoJob, record.message,
                    {settled ? seal.settled : index_.attempts()[seal.attempt].record, seal.since, at});
    }
  }

  const History& history_;
  const HistoryIndex& index_;
  Findings findings_;
  std::vector<uint8_t> sealed_;  // by holding
  std::vector<Seal> seals_;      // by pair
};

CheckResult Check(const CheckContext& context) {
  if (!context.index.Has(Kind::kDrain) && !context.index.Has(Kind::kStopped)) return {};
  return Pass(context).Run();
}

constexpr Excuse kExcuses[] = {{.why = "what a committed offset went back over after it was settled (for what was only "
                                       "finished: in that partition), and "
                                       "stages that were put out of their group while they drained"}};

}  // namespace

const Checker kDrainKept = {
    .name = "drain",
    .summary = "a process that is asked to stop starts nothing, and what it had finished is not done again",
    .check = Check,
    .excuses = kExcuses};

}  // namespace millrace::sim
