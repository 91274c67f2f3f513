#include "sim/history_index.h"

#include <algorithm>

#include "sim/history_index_building.h"

namespace millrace::sim {

HistoryIndex::HistoryIndex(const History& history) : history_(history) {
  LayOut();
  CountKinds();
  Building b;
  const size_t stages = history.topology.stages.size();
  b.attempt_of.assign(processes_ * stages, kNone);
  b.holding.assign(static_cast<size_t>(processes_) * slots(), kNone);
  b.incarnation.assign(processes_, 0);
  if (HasTransactions(history.topology)) b.confirmed.resize(processes_ * stages);
  attempts_.reserve(Of(Kind::kAttempt).size());
  b.outputs.reserve(Of(Kind::kOutput).size());
  settlements_.reserve(messages_.size());
  holding_of_.assign(history.records.size(), kNone);
  const auto count = static_cast<uint32_t>(history.records.size());
  for (uint32_t at = 0; at < count; ++at) Take(at, &b);
  FinishPairs(b);
  FinishOpen();
}

void HistoryIndex::Take(uint32_t at, Building* b) {
  switch (history_.records[at].kind) {
    case Kind::kAppended:
      return Append(at);
    case Kind::kConfirm:
      return TakeConfirm(at, b);
    case Kind::kOutput:
      return TakeOutput(at, b);
    case Kind::kPublish:
      return TakeDeadLetter(at, history_.records[at].message, b);
    case Kind::kAttempt:
      TakeHolding(at, b);
      return TakeAttempt(at, b);
    case Kind::kDelivered:
    case Kind::kDispatch:
      TakeHolding(at, b);
      return TakePair(at);
    case Kind::kEffect:
      return TakePair(at);
    case Kind::kAssigned:
    case Kind::kRevoking:
    case Kind::kReleased:
    case Kind::kLost:
    case Kind::kSettle:
    case Kind::kCommit:
      return TakeHolding(at, b);
    case Kind::kStart:
    case Kind::kCrash:
    case Kind::kStopped:
      return EndHoldings(at, b);
    case Kind::kTrouble:
      return TakeTrouble(at);
    case Kind::kCommitted:
      return TakeCommitted(at);
    case Kind::kTransacted:
      return TakeTransacted(at, b);
    case Kind::kEnded:
      return TakeEnded(at);
    case Kind::kAcked:
      return TakeAcked(at);
    case Kind::kDestroyed:
      return TakeDestroyed(at);
    default:
      return;
  }
}

void HistoryIndex::LayOut() {
  const Topology& topology = history_.topology;
  uint32_t partitions = 0;
  std::vector<uint32_t> readers(topology.topics.size(), 0);
  for (const TopicInfo& topic : topology.topics) {
    topic_begin_.push_back(partitions);
    partition_topic_.insert(partition_topic_.end(), topic.partitions,
                            static_cast<uint16_t>(&topic - topology.topics.data()));
    partitions += topic.partitions;
  }
  topic_begin_.push_back(partitions);
  partition_begin_.assign(partitions + 1, 0);
  slot_begin_.push_back(0);
  for (const StageInfo& stage : topology.stages) {
    const bool reads = stage.input < topology.topics.size();
    stage_input_.push_back(reads ? stage.input : kNoTopic);
    stage_ordinal_.push_back(reads ? readers[stage.input]++ : 0);
    const uint32_t slots = reads ? topology.topics[stage.input].partitions : 0;
    slot_stage_.insert(slot_stage_.end(), slots, static_cast<uint16_t>(&stage - topology.stages.data()));
    slot_begin_.push_back(slot_begin_.back() + slots);
  }
  committed_.assign(slots(), 0);

  // Stages in the order of their ordinals, so that a message's pairs can be filled in at once.
  std::vector<std::vector<uint16_t>> readers_of(topology.topics.size());
  for (uint16_t stage = 0; stage < topology.stages.size(); ++stage) {
    if (stage_input_[stage] != kNoTopic) readers_of[stage_input_[stage]].push_back(stage);
  }
  messages_.resize(history_.messages.size());
  pairs_.reserve(history_.messages.size());
  for (uint32_t message = 0; message < messages_.size(); ++message) {
    const MessageInfo& info = history_.messages[message];
    MessageFacts& facts = messages_[message];
    facts.first_pair = static_cast<uint32_t>(pairs_.size());
    facts.canonical = info.same_id_as < message ? info.same_id_as : message;
    facts.key = info.key;
    facts.job = info.job < history_.jobs.size() ? info.job : kNoJob;
    facts.topic = info.topic < topology.topics.size() ? info.topic : kNoTopic;
    facts.role = info.role;
    if (facts.topic == kNoTopic) continue;
    for (uint16_t stage : readers_of[facts.topic]) {
      pairs_.emplace_back();
      pairs_.back().message = message;
      pairs_.back().stage = stage;
    }
  }
}

// Also: how many records each partition has, and how many processes there are.
void HistoryIndex::CountKinds() {
  const auto records = static_cast<uint32_t>(history_.records.size());
  kinds_.resize(records);
  by_kind_.resize(records);
  uint8_t* const kinds = kinds_.data();
  uint32_t processes = history_.topology.processes;
  for (uint32_t at = 0; at < records; ++at) {
    const Record& record = history_.records[at];
    kinds[at] = record.kind <= Kind::kEnd ? static_cast<uint8_t>(record.kind) : kNonsense;
    ++kind_begin_[kinds[at] + 1u];
    // kNoProcess is followed by 0.
    processes = std::max<uint32_t>(processes, static_cast<uint16_t>(record.process + 1u));
    if (record.kind != Kind::kAppended || record.message >= messages_.size()) continue;
    const uint32_t partition = PartitionOf(record.topic, record.partition);
    if (partition != kNone) ++partition_begin_[partition + 1];
  }
  processes_ = processes;
  for (size_t p = 1; p < partition_begin_.size(); ++p) partition_begin_[p] += partition_begin_[p - 1];
  copies_.resize(partition_begin_.back());
  filled_.assign(partition_begin_.size() - 1, 0);
  for (size_t kind = 1; kind < kind_begin_.size(); ++kind) kind_begin_[kind] += kind_begin_[kind - 1];
  std::array<uint32_t, kKindsMax> next{};
  std::copy_n(kind_begin_.begin(), next.size(), next.begin());
  uint32_t* const by_kind = by_kind_.data();
  for (uint32_t at = 0; at < records; ++at) by_kind[next[kinds[at]]++] = at;
}

void HistoryIndex::FinishPairs(const Building& b) {
  for (const Building::Output& output : b.outputs) {
    AttemptFacts& attempt = attempts_[output.of];
    const MessageFacts& facts = messages_[output.message];
    attempt.durable_at = std::max(attempt.durable_at, facts.first_append);
    attempt.confirmed_at = std::max(attempt.confirmed_at, facts.first_confirm);
  }
  for (const AttemptFacts& attempt : attempts_) {
    if (history_.records[attempt.record].value != 0) continue;
    PairFacts& pair = pairs_[attempt.pair];
    pair.durable_at = std::min(pair.durable_at, attempt.durable_at);
    pair.confirmed_at = std::min(pair.confirmed_at, attempt.confirmed_at);
  }
  for (const Building::Output& dead : b.dead) {
    PairFacts& pair = pairs_[dead.of];
    pair.dead_at = std::min(pair.dead_at, messages_[dead.message].first_append);
    pair.dead_confirmed_at = std::min(pair.dead_confirmed_at, messages_[dead.message].first_confirm);
  }
}

void HistoryIndex::FinishOpen() {
  if (queue()) return;
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    const uint32_t partition = PartitionOfSlot(slot);
    const std::span<const Copy> copies = CopiesIn(partition);
    for (uint32_t ordinal = OrdinalAt(partition, committed_[slot]); ordinal < copies.size(); ++ordinal) {
      const Copy& copy = copies[ordinal];
      const uint32_t pair = PairOf(slot_stage_[slot], copy.message);
      if (pair != kNone && copy.destroyed == kNever && copy.visible != kNever) ++pairs_[pair].open;
    }
  }
}

}  // namespace millrace::sim
