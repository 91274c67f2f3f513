// Of log-consistency: whether what a producer publishes in order is appended in order.
//
// Sends are judged by first occurrences, and only those whose publish did not fail in between and that no other process
// published as well: whose of them it is cannot be told. Nor can it be where a process had published a message twice before
// it was appended (a partition came back while its publishes waited for the connection) and one of the two failed: the append
// is that of the other one then, though the failure may be told only behind it. A stage that is exactly-once is not judged: what
// it published in a transaction that was aborted, or of whose end nobody knew, is published once more, and to which publish an
// append belongs cannot be told. Its order by key is key-order's.
#include <string>
#include <vector>

#include "sim/checkers/log_parts.h"

namespace millrace::sim {
namespace {

// By message.
struct Publishes {
  explicit Publishes(const HistoryIndex& index);
  std::vector<uint32_t> publisher;  // its first publish
  std::vector<uint8_t> failed;      // … or it cannot be told whose it is
};

Publishes::Publishes(const HistoryIndex& index) {
  failed.resize(index.messages().size(), 0);
  publisher.resize(index.messages().size(), kNone);
  // Up to where a failure concerns what was published before the first append.
  std::vector<uint32_t> concerned(index.messages().size(), 0);
  for (uint32_t message = 0; message < concerned.size(); ++message)
    concerned[message] = index.message(message).first_append;
  for (uint32_t at : index.Of(Kind::kPublish)) {
    const Record& record = index.records()[at];
    if (record.message >= publisher.size()) continue;
    const uint32_t append = index.message(record.message).first_append;
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
    const Record& other = index.records()[first];
    if (other.process == record.process && other.incarnation == record.incarnation) {
      concerned[record.message] = kNever;
    } else {
      failed[record.message] = 1;
    }
  }
  for (uint32_t at : index.Of(Kind::kConfirm)) {
    const Record& record = index.records()[at];
    if (record.value != 0 && record.message < failed.size() && at < concerned[record.message])
      failed[record.message] = 1;
  }
}

// Per process, stage and partition: the latest append of what has been published so far, as long as that did not fail.
struct Latest {
  uint32_t append = kNone;
  uint32_t publish = kNone;
  uint16_t incarnation = 0;
};

}  // namespace

void CheckSends(const CheckContext& context, Findings* findings) {
  const History& history = context.history;
  const HistoryIndex& index = context.index;
  const size_t stages = history.topology.stages.size();
  const Publishes publishes(index);
  std::vector<Latest> latest(index.processes() * stages * index.partitions());
  for (uint32_t at : index.Of(Kind::kPublish)) {
    const Record& record = index.records()[at];
    if (record.message >= publishes.publisher.size() || record.stage >= stages || record.process >= index.processes())
      continue;
    if (publishes.publisher[record.message] != at || history.topology.stages[record.stage].exactly_once) continue;
    const MessageFacts& facts = index.message(record.message);
    if (facts.partition == kNone || publishes.failed[record.message] != 0) continue;
    // Where somebody else's publish of it came first, this one's place tells nothing.
    if (facts.first_append == kNever) continue;
    const Record& append = index.records()[facts.first_append];
    if (append.process != kNoProcess && (append.process != record.process || append.incarnation != record.incarnation))
      continue;
    Latest& last = latest[(record.process * stages + record.stage) * index.partitions() + facts.partition];
    if (last.incarnation != record.incarnation) last = {};
    if (last.append != kNone && facts.first_append < last.append) {
      const Record& other = index.records()[last.publish];
      findings->Add("nonmonotonic-send",
                    ProcessName(history, record) + ", " + StageName(history, record.stage) + ": " +
                        MessageName(history, other.message) + " was appended behind " +
                        MessageName(history, record.message) + ", which was published later",
                    kNoJob, other.message, {last.publish, at, facts.first_append, last.append});
      if (findings->full()) return;
      continue;
    }
    last = {facts.first_append, at, record.incarnation};
  }
}

}  // namespace millrace::sim
