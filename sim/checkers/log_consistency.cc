// What the broker and its clients do with records, in the terms of Jepsen's Kafka workload; per partition:
//   inconsistent-offsets  two messages at one offset, or offsets that do not ascend
//   nonmonotonic-poll     a holding's deliveries do not ascend
//   int-poll-skip         a holding was not delivered a record that lay in between, and was there (logs)
//   nonmonotonic-send     what one producer published first was appended behind what it published later
//   lost-write            a publish was confirmed before it was appended
// Sends are judged by first occurrences, and only those whose publish did not fail in between and that no other process
// published as well: whose of them it is cannot be told. Nor can it be where a process had published a message twice before
// it was appended (a partition came back while its publishes waited for the connection) and one of the two failed: the append
// is that of the other one then, though the failure may be told only behind it. What transactions read (aborted or
// uncommitted records) is not checkable: there are no transactions.
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : history_(context.history), index_(context.index), findings_(context, kLogConsistency.name) {}

  CheckResult Run() {
    for (uint32_t partition = 0; partition < index_.partitions() && !index_.queue(); ++partition) {
      CheckOffsets(partition);
    }
    last_.assign(index_.holdings().size(), kNone);
    for (uint32_t at : index_.Of(Kind::kDelivered)) {
      if (findings_.full()) break;
      CheckPoll(at);
    }
    CheckConfirms();
    CheckSends();
    return findings_.Take();
  }

 private:
  std::string Place(uint32_t partition) const {
    const uint16_t topic = index_.TopicOfPartition(partition);
    return PlaceName(history_, topic, partition - index_.PartitionOf(topic, 0));
  }

  void CheckOffsets(uint32_t partition) {
    const auto copies = index_.CopiesIn(partition);
    for (size_t i = 1; i < copies.size() && !findings_.full(); ++i) {
      if (copies[i].sequence > copies[i - 1].sequence) continue;
      findings_.Add("inconsistent-offsets",
                    Place(partition) + ": " + MessageName(history_, copies[i].message) + " was appended at offset " +
                        std::to_string(copies[i].sequence) + ", behind " + std::to_string(copies[i - 1].sequence),
                    kNoJob, copies[i].message, {copies[i - 1].record, copies[i].record});
    }
  }

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
      add("nonmonotonic-poll", " behind one that comes later", record.message, kNone);
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
    const uint64_t from = before == kNone ? holding.start : index_.records()[before].sequence + 1;
    for (uint32_t i = ordinal; i > 0 && copies[i - 1].sequence >= from; --i) {
      if (copies[i - 1].destroyed < at) continue;
      add("int-poll-skip", ", and not " + MessageName(history_, copies[i - 1].message) + " in front of it",
          copies[i - 1].message, copies[i - 1].record);
      return;
    }
  }

  void CheckConfirms() {
    for (uint32_t message = 0; message < index_.messages().size() && !findings_.full(); ++message) {
      const MessageFacts& facts = index_.message(message);
      if (facts.first_confirm == kNever || facts.first_append < facts.first_confirm) continue;
      findings_.Add("lost-write", MessageName(history_, message) + " was confirmed and had not been appended", kNoJob,
                    message, {facts.first_confirm});
    }
  }

  // Per process, stage and partition: the latest append of what has been published so far, as long as that did not fail.
  void CheckSends() {
    struct Latest {
      uint32_t append = kNone;
      uint32_t publish = kNone;
      uint16_t incarnation = 0;
    };
    const size_t stages = history_.topology.stages.size();
    std::vector<Latest> latest(index_.processes() * stages * index_.partitions());
    std::vector<uint8_t> failed(index_.messages().size(), 0);
    std::vector<uint32_t> publisher(index_.messages().size(), kNone);  // its first publish
    // Up to where a failure concerns what was published before the first append.
    std::vector<uint32_t> concerned(index_.messages().size(), 0);
    for (uint32_t message = 0; message < concerned.size(); ++message)
      concerned[message] = index_.message(message).first_append;
    for (uint32_t at : index_.Of(Kind::kPublish)) {
      const Record& record = index_.records()[at];
      if (record.message >= publisher.size()) continue;
      const uint32_t append = index_.message(record.message).first_append;
      uint32_t& first = publisher[record.message];
      if (first == kNone) {
        first = at;
        continue;
      }
      if (at > append) {
        // An answer from here on may be this one's.
        if (concerned[record.message] == kNever) concerned[record.message] = at;
        continue;
      }
      const Record& other = index_.records()[first];
      if (other.process == record.process && other.incarnation == record.incarnation) {
        concerned[record.message] = kNever;
      } else {
        failed[record.message] = 1;
      }
    }
    for (uint32_t at : index_.Of(Kind::kConfirm)) {
      const Record& record = index_.records()[at];
      if (record.value != 0 && record.message < failed.size() && at < concerned[record.message])
        failed[record.message] = 1;
    }
    for (uint32_t at : index_.Of(Kind::kPublish)) {
      const Record& record = index_.records()[at];
      if (record.message >= publisher.size() || record.stage >= stages || record.process >= index_.processes())
        continue;
      if (publisher[record.message] != at) continue;
      const MessageFacts& facts = index_.message(record.message);
      if (facts.partition == kNone || failed[record.message] != 0) continue;
      // Where somebody else's publish of it came first, this one's place tells nothing.
      if (facts.first_append == kNever) continue;
      const Record& append = index_.records()[facts.first_append];
      if (append.process != kNoProcess &&
          (append.process != record.process || append.incarnation != record.incarnation))
        continue;
      Latest& last = latest[(record.process * stages + record.stage) * index_.partitions() + facts.partition];
      if (last.incarnation != record.incarnation) last = {};
      if (last.append != kNone && facts.first_append < last.append) {
        const Record& other = index_.records()[last.publish];
        findings_.Add("nonmonotonic-send",
                      ProcessName(history_, record) + ", " + StageName(history_, record.stage) + ": " +
                          MessageName(history_, other.message) + " was appended behind " +
                          MessageName(history_, record.message) + ", which was published later",
                      kNoJob, other.message, {last.publish, at, facts.first_append, last.append});
        if (findings_.full()) return;
        continue;
      }
      last = {facts.first_append, at, record.incarnation};
    }
  }

  const History& history_;
  const HistoryIndex& index_;
  Findings findings_;
  std::vector<uint32_t> last_;  // by holding: its last delivery
};

CheckResult Check(const CheckContext& context) { return Pass(context).Run(); }

}  // namespace

const Checker kLogConsistency = {.name = "log-consistency",
                                 .summary = "offsets, polls and sends are as a log (or a queue) has them",
                                 .check = Check};

}  // namespace millrace::sim
