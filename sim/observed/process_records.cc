#include "sim/observed/process_records.h"

#include <algorithm>

namespace millrace::sim {
namespace {

void Seen(int64_t* first, int64_t at_ns) { *first = *first == 0 ? at_ns : std::min(*first, at_ns); }

Record TakenFor(const Record& commit) {
  Record taken;
  taken.kind = Kind::kCommitted;
  taken.at_ns = commit.at_ns;
  taken.stage = commit.stage;
  taken.topic = commit.topic;
  taken.partition = commit.partition;
  taken.sequence = commit.sequence;
  return taken;
}

}  // namespace

// One file while it is read.
struct ProcessRecords::One {
  uint16_t process = kNoProcess;
  uint16_t stage = kNoStage;
  bool started = false, ended = false;
  int64_t at_ns = 0;
  std::vector<uint16_t> topics;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, std::map<uint64_t, uint32_t>> held;  // partition, epoch → sequence
  std::map<uint64_t, uint32_t> published;                                                 // by token
  std::vector<uint32_t> confirmed;                                                        // in the transaction
  uint32_t input = kNoMessage;                                                            // of the outputs that follow
  uint32_t outputs = 0;
  bool committing = false;

  Record Of(Kind kind, uint16_t of_stage) const {
    Record record;
    record.kind = kind;
    record.at_ns = at_ns;
    record.process = process;
    record.incarnation = 1;
    record.stage = of_stage;
    return record;
  }
};

absl::Status ProcessRecords::Read(const std::string& path) {
  One one;
  absl::Status read = ReadProcessLog(
      path, [&](const ProcessHead& head) { return Begin(head, &one); },
      [&](const ProcessLine& line) { return Add(line, &one); });
  // It was killed, or has not ended yet.
  if (one.started && !one.ended) records.push_back(one.Of(Kind::kCrash, kNoStage));
  return read;
}

bool ProcessRecords::ExactlyOnce(const One& one) const { return recorder_.topology().stages[one.stage].exactly_once; }

absl::Status ProcessRecords::Begin(const ProcessHead& head, One* one) {
  const Topology& topology = recorder_.topology();
  for (uint16_t s = 0; s < topology.stages.size(); ++s) {
    if (topology.stages[s].name == head.stage) one->stage = s;
  }
  if (one->stage == kNoStage) return absl::DataLossError("the pipeline has no stage \"" + head.stage + "\"");
  for (const std::string& name : head.topics) {
    const auto at = std::find_if(topology.topics.begin(), topology.topics.end(),
                                 [&](const TopicInfo& topic) { return topic.name == name; });
    if (at == topology.topics.end()) return absl::DataLossError("the pipeline has no topic \"" + name + "\"");
    one->topics.push_back(static_cast<uint16_t>(at - topology.topics.begin()));
  }
  if (processes == kNoProcess - 1) return absl::DataLossError("there are more processes than can be told apart");
  one->process = processes++;
  return absl::OkStatus();
}

absl::Status ProcessRecords::Add(const ProcessLine& line, One* one) {
  ++lines;
  one->at_ns = std::max(line.at_ns, one->at_ns);
  if (!one->started) {
    one->started = true;
    Record start = one->Of(Kind::kStart, one->stage);
    start.stage = kNoStage;
    records.push_back(start);
  }
  switch (line.kind) {
    case 'a':
    case 'r':
    case 'l':
    case 'x':
      return OnHolding(line, one);
    case 'D':
      return OnDelivered(line, one);
    case 'd':
    case 'A':
      return OnAttempt(line, one);
    case 'O':
    case 'P':
      return OnMade(line, one);
    case 'C':
      return OnConfirm(line, one);
    case 's':
      return OnSettle(line, one);
    case 'c':
      return OnCommit(line, one);
    case 'T':
    case 't':
      return OnTransaction(line, one);
    default:
      return OnLife(line, one);
  }
}

Record ProcessRecords::At(Kind kind, const ProcessLine& line, const One& one) const {
  Record record = one.Of(kind, one.stage);
  record.topic = recorder_.topology().stages[one.stage].input;
  record.partition = static_cast<uint16_t>(line.numbers[0]);
  record.epoch = line.numbers[1];
  return record;
}

absl::Status ProcessRecords::OnHolding(const ProcessLine& line, One* one) {
  const Kind kind = line.kind == 'a'   ? Kind::kAssigned
                    : line.kind == 'r' ? Kind::kRevoking
                    : line.kind == 'l' ? Kind::kLost
                                       : Kind::kReleased;
  Record record = At(kind, line, *one);
  if (line.kind == 'a') record.value = line.numbers[2];
  records.push_back(record);
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnDelivered(const ProcessLine& line, One* one) {
  Record record = At(Kind::kDelivered, line, *one);
  record.sequence = line.numbers[2];
  record.value = line.numbers[3];
  record.message = recorder_.InternDigests(record.topic, line.id, line.content, kNoJob);
  one->held[{line.numbers[0], line.numbers[1]}][record.sequence] = record.message;
  records.push_back(record);
  if (queue()) {
    Seen(&message_seen[record.message], one->at_ns);
  } else {
    Seen(&place_seen[{record.topic, record.partition, record.sequence}], one->at_ns);
  }
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnAttempt(const ProcessLine& line, One* one) {
  Record record = At(line.kind == 'd' ? Kind::kDispatch : Kind::kAttempt, line, *one);
  record.sequence = line.numbers[2];
  record.attempt = static_cast<uint32_t>(line.numbers[3]);
  const auto held = one->held.find({line.numbers[0], line.numbers[1]});
  if (held == one->held.end()) return absl::DataLossError("an attempt at what was never delivered");
  const auto at = held->second.find(record.sequence);
  if (at == held->second.end()) return absl::DataLossError("an attempt at what was never delivered");
  record.message = at->second;
  if (line.kind == 'A') {
    const bool skipped = line.numbers[5] != 0;
    record.value = line.numbers[4];
    record.flags = skipped ? kSkipped : 0;
    record.count = static_cast<uint32_t>(line.numbers[6]);
    one->input = record.message;
    one->outputs = 0;
    const bool done = !skipped && record.value == 0;
    if (done) {
      ++succeeded[{one->stage, record.message}];
      // Files come in no order of time.
      if (recorder_.topology().stages[one->stage].sink) {
        const auto [first, added] = first_success.emplace(std::pair(one->stage, record.message), record);
        if (!added && record.at_ns < first->second.at_ns) first->second = record;
      }
    }
  }
  records.push_back(record);
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnMade(const ProcessLine& line, One* one) {
  const uint64_t topic = line.kind == 'O' ? line.numbers[0] : line.numbers[1];
  if (topic >= one->topics.size()) return absl::DataLossError("a message for a topic that it does not write to");
  Record record = one->Of(line.kind == 'O' ? Kind::kOutput : Kind::kPublish, one->stage);
  record.topic = one->topics[topic];
  const uint32_t job = line.kind == 'O' ? recorder_.JobOf(one->input) : kNoJob;
  record.message = recorder_.InternDigests(record.topic, line.id, line.content, job);
  if (line.kind == 'O') {
    record.value = one->input;
    record.attempt = one->outputs++;
    if (recorder_.message(record.message).role == MessageRole::kReceipt) record.flags = kReceipt;
  } else {
    record.value = line.numbers[0];
    record.partition = static_cast<uint16_t>(line.numbers[2]);
    one->published[line.numbers[0]] = record.message;
  }
  records.push_back(record);
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnConfirm(const ProcessLine& line, One* one) {
  for (uint64_t token = line.numbers[0]; token < line.numbers[0] + line.numbers[1]; ++token) {
    const auto at = one->published.find(token);
    if (at == one->published.end()) return absl::DataLossError("an answer to what was never published");
    Record record = one->Of(Kind::kConfirm, one->stage);
    record.message = at->second;
    record.value = line.numbers[2];
    one->published.erase(at);
    records.push_back(record);
    if (record.value != 0) continue;
    if (ExactlyOnce(*one)) {
      one->confirmed.push_back(record.message);
    } else {
      Seen(&message_seen[record.message], one->at_ns);
    }
  }
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnSettle(const ProcessLine& line, One* one) {
  const auto held = one->held.find({line.numbers[0], line.numbers[1]});
  if (held == one->held.end()) return absl::DataLossError("a settlement of what was never delivered");
  std::map<uint64_t, uint32_t>& messages = held->second;
  auto at = messages.lower_bound(line.numbers[2]);
  while (at != messages.end() && at->first <= line.numbers[3]) {
    Record record = At(Kind::kSettle, line, *one);
    record.sequence = at->first;
    record.message = at->second;
    records.push_back(record);
    if (queue()) {
      Record acked;
      acked.kind = Kind::kAcked;
      acked.at_ns = record.at_ns;
      acked.stage = record.stage;
      acked.message = record.message;
      acked.topic = record.topic;
      acked.partition = record.partition;
      records.push_back(acked);
    }
    at = messages.erase(at);
  }
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnCommit(const ProcessLine& line, One* one) {
  if (queue()) return absl::OkStatus();
  Record record = At(Kind::kCommit, line, *one);
  record.sequence = line.numbers[2];
  records.push_back(record);
  // Whether a transaction is committed is known at its end.
  if (!ExactlyOnce(*one)) records.push_back(TakenFor(record));
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnTransaction(const ProcessLine& line, One* one) {
  const bool asked = line.kind == 'T';
  Record record = one->Of(asked ? Kind::kTransact : Kind::kTransacted, one->stage);
  if (asked) {
    one->committing = line.numbers[0] != 0;
  } else {
    record.value = line.numbers[0];
  }
  record.attempt = one->committing ? 1 : 0;
  records.push_back(record);
  if (asked) return absl::OkStatus();
  for (const uint32_t message : one->confirmed) {
    if (one->committing && record.value == 0) Seen(&message_seen[message], one->at_ns);
  }
  one->confirmed.clear();
  return absl::OkStatus();
}

absl::Status ProcessRecords::OnLife(const ProcessLine& line, One* one) {
  const Kind kind = line.kind == 'g' ? Kind::kDrain : line.kind == '!' ? Kind::kTrouble : Kind::kStopped;
  Record record = one->Of(kind, one->stage);
  if (kind == Kind::kTrouble) record.value = line.numbers[0];
  if (kind == Kind::kStopped) {
    record.stage = kNoStage;
    record.flags = line.numbers[0] == 0 ? kClean : 0;
    one->ended = true;
  }
  records.push_back(record);
  return absl::OkStatus();
}

}  // namespace millrace::sim
