// Of log-consistency: what a holding is delivered.
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/log_parts.h"

namespace millrace::sim {
namespace {

class Polls {
 public:
  Polls(const CheckContext& context, Findings* findings)
      : history_(context.history),
        index_(context.index),
        findings_(*findings),
        last_(context.index.holdings().size(), kNone) {}

  void Run() {
    for (uint32_t at : index_.Of(Kind::kDelivered)) {
      if (findings_.full()) return;
      CheckPoll(at);
    }
  }

 private:
  void CheckPoll(uint32_t at) {
    const Record& record = index_.records()[at];
    const uint32_t number = index_.HoldingOf(at);
    if (number == kNone) return;
    const Holding& holding = index_.holdings()[number];
    const uint32_t before = std::exchange(last_[number], at);
    const auto add = [&](const char* signature, const std::string& text, uint32_t message, uint32_t other) {
      findings_.Add(signature,
                    ProcessName(history_, record) + ", " + StageName(history_, record.stage) + " was given " +
                        MessageName(history_, record.message) + text,
                    kNoJob, message, {before == kNone ? holding.assigned : before, other, at});
    };
    if (before != kNone && record.sequence <= index_.records()[before].sequence) {
      add("int-nonmonotonic-poll", " behind one that comes later", record.message, kNone);
      return;
    }
    if (index_.queue()) return;
    const uint32_t partition = index_.PartitionOfSlot(holding.slot);
    const auto copies = index_.CopiesIn(partition);
    const uint32_t ordinal = index_.OrdinalAt(partition, record.sequence);
    if (ordinal == copies.size() || copies[ordinal].sequence != record.sequence || copies[ordinal].record > at ||
        copies[ordinal].message != record.message) {
      add("inconsistent-offsets", " from an offset where it was not appended", record.message,
          ordinal < copies.size() ? copies[ordinal].record : kNone);
      return;
    }
    if (copies[ordinal].visible > at) {
      const uint64_t number = index_.records()[copies[ordinal].record].value;
      const uint32_t ended = number < index_.transactions().size() ? index_.transactions()[number].ended : kNever;
      if (ended < at) {
        add("aborted-read", ", whose transaction had been aborted", record.message, ended);
      } else {
        add("precommitted-read", ", whose transaction had not been committed", record.message, copies[ordinal].record);
      }
      return;
    }
    const uint64_t from = before == kNone ? holding.start : index_.records()[before].sequence + 1;
    for (uint32_t i = ordinal; i > 0 && copies[i - 1].sequence >= from; --i) {
      if (copies[i - 1].destroyed < at || copies[i - 1].visible == kNever) continue;
      add("int-poll-skip", ", and not " + MessageName(history_, copies[i - 1].message) + " in front of it",
          copies[i - 1].message, copies[i - 1].record);
      return;
    }
  }

  const History& history_;
  const HistoryIndex& index_;
  Findings& findings_;
  std::vector<uint32_t> last_;  // by holding: its last delivery
};

}  // namespace

void CheckPolls(const CheckContext& context, Findings* findings) { Polls(context, findings).Run(); }

}  // namespace millrace::sim
