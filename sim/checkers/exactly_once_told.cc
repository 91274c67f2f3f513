// Of exactly-once: between two answers that a process gets its transactions end; of those that end behind the last answer it may
// have heard nothing. One that has to find out how its commit ended looks at the offsets: where they are as far as it had asked
// for, by whomever, it may say committed, as nothing is left to be done; and where all that it had settled has been given to
// others meanwhile, who have noted so, it cannot tell, and says aborted, with nothing left to be redone. Nor can it where the
// offsets went back in the meantime.
#include "sim/checkers/exactly_once_told.h"

#include <algorithm>
#include <vector>

namespace millrace::sim {
namespace {

class Told {
 public:
  Told(const CheckContext& context, Findings* findings)
      : history_(context.history),
        index_(context.index),
        findings_(*findings),
        senders_(index_.processes() * history_.topology.stages.size()),
        offsets_(index_.slots(), 0) {}

  void Run() {
    index_.ForEachOf({Kind::kStart, Kind::kCommit, Kind::kTransacted, Kind::kCommitted, Kind::kEnded},
                     [&](uint32_t at) {
                       Take(at);
                       return !findings_.full();
                     });
  }

 private:
  struct Asked {
    uint32_t record;  // kCommit
    uint32_t slot;
    uint64_t sequence;
  };
  struct Sender {
    uint32_t committed = kNone;  // kEnded, that was not told
    std::vector<Asked> asked;
  };

  void Take(uint32_t at) {
    const Record& record = index_.records()[at];
    const size_t stages = history_.topology.stages.size();
    const uint32_t slot = index_.SlotOf(record.stage, record.partition);
    if (record.kind == Kind::kCommitted && slot != kNone) offsets_[slot] = record.sequence;
    if (record.kind == Kind::kCommitted || record.process >= index_.processes()) return;
    Sender* const first = &senders_[record.process * stages];
    if (record.kind == Kind::kStart) {
      std::fill_n(first, stages, Sender());
      return;
    }
    if (record.stage >= stages || !history_.topology.stages[record.stage].exactly_once) return;
    Sender& sender = first[record.stage];
    if (record.kind == Kind::kCommit) {
      if (slot != kNone) sender.asked.push_back({at, slot, record.sequence});
    } else if (record.kind == Kind::kEnded) {
      if (record.attempt != 0) sender.committed = at;
    } else {
      Compare(sender, at);
      sender = Sender();
    }
  }

  void Compare(const Sender& sender, uint32_t at) {
    const Record& record = index_.records()[at];
    // Another incarnation's ends late.
    const bool mine = sender.committed != kNone && index_.records()[sender.committed].incarnation == record.incarnation;
    const bool told = record.attempt != 0 && record.value == 0;
    const bool missing = std::any_of(sender.asked.begin(), sender.asked.end(), [&](const Asked& a) {
      return a.sequence > offsets_[a.slot] && !WentBack(a.slot, a.sequence, a.record, at);
    });
    if (told && !mine && missing) {
      findings_.Add("told of a commit that was none",
                    ProcessName(history_, record) + ", " + StageName(history_, record.stage) +
                        " was told that its transaction is committed, and the broker has committed none of it",
                    kNoJob, kNoMessage, {at});
    } else if (!told && mine && !Unknowable(sender.committed, at)) {
      findings_.Add("told of an abort that was none",
                    ProcessName(history_, record) + ", " + StageName(history_, record.stage) +
                        " was told that its transaction is aborted, and the broker has committed it",
                    kNoJob, kNoMessage, {sender.committed, at});
    }
  }

  // Whether the offset was as far as that, and went back, between two records.
  bool WentBack(uint32_t slot, uint64_t sequence, uint32_t from, uint32_t to) const {
    const auto steps = index_.steps_back();
    return std::any_of(steps.begin(), steps.end(), [&](const HistoryIndex::StepBack& step) {
      return step.slot == slot && step.record > from && step.record < to && step.to < sequence && sequence <= step.from;
    });
  }

  // Whether each partition of which the transaction has moved the offset is given to another between its end and `at`, or its
  // offset went back.
  bool Unknowable(uint32_t ended, uint32_t at) const {
    const Record& end = index_.records()[ended];
    for (uint32_t next = ended + 1; next < at; ++next) {
      const Record& moved = index_.records()[next];
      if (moved.kind != Kind::kCommitted || moved.epoch != end.value) break;
      if (WentBack(index_.SlotOf(moved.stage, moved.partition), moved.sequence, next, at)) continue;
      bool gone = false;
      for (uint32_t a = next + 1; a < at && !gone; ++a) {
        const Record& given = index_.records()[a];
        gone = given.kind == Kind::kAssigned && given.stage == moved.stage && given.partition == moved.partition &&
               (given.process != end.process || given.incarnation != end.incarnation);
      }
      if (!gone) return false;
    }
    return true;
  }

  const History& history_;
  const HistoryIndex& index_;
  Findings& findings_;
  std::vector<Sender> senders_;    // by process and stage
  std::vector<uint64_t> offsets_;  // by slot
};

}  // namespace

void CheckTold(const CheckContext& context, Findings* findings) { Told(context, findings).Run(); }

}  // namespace millrace::sim
