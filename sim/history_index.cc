#include "sim/history_index.h"

#include <algorithm>

namespace millrace::sim {

// What is needed while the records are read.
struct HistoryIndex::Building {
  std::vector<uint32_t> attempt_of;   // by process and stage: its last attempt
  std::vector<uint32_t> holding;      // by process and slot: its last holding
  std::vector<uint16_t> incarnation;  // by process
  struct Output {
    uint32_t of;  // an attempt, or a pair
    uint32_t message;
  };
  std::vector<Output> outputs;
  std::vector<Output> dead;  // of pairs
};

HistoryIndex::HistoryIndex(const History& history) : history_(history) {
  LayOut();
  CountKinds();
  Building b;
  const size_t stages = history.topology.stages.size();
  b.attempt_of.assign(processes_ * stages, kNone);
  b.holding.assign(static_cast<size_t>(processes_) * slots(), kNone);
  b.incarnation.assign(processes_, 0);
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
      return TakeConfirm(at);
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
    case Kind::kAcked:
      return TakeAcked(at);
    case Kind::kDestroyed:
      return TakeDestroyed(at);
    default:
      return;
  }
}

void HistoryIndex::TakeConfirm(uint32_t at) {
  const Record& record = history_.records[at];
  if (record.value != 0 || record.message >= messages_.size()) return;
  uint32_t& first = messages_[record.message].first_confirm;
  if (first == kNever) first = at;
}

void HistoryIndex::TakeTrouble(uint32_t at) {
  constexpr uint64_t kDataLoss = 15;
  const Record& record = history_.records[at];
  if (record.value == kDataLoss && record.stage < data_loss_.size()) data_loss_[record.stage] = at;
}

void HistoryIndex::TakeAcked(uint32_t at) {
  const uint32_t pair = PairOf(history_.records[at].stage, history_.records[at].message);
  if (pair == kNone) return;
  Settle(at, pair, kNone);
  if (pairs_[pair].open > 0) --pairs_[pair].open;
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
  went_back_.assign(slots(), 0);
  data_loss_.assign(topology.stages.size(), kNever);

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

uint32_t HistoryIndex::OrdinalAt(uint32_t partition, uint64_t sequence) const {
  const std::span<const Copy> copies = CopiesIn(partition).first(filled_[partition]);
  if (copies.empty() || sequence <= copies.front().sequence) return 0;
  // Offsets have no gaps, as a rule.
  const uint64_t guess = sequence - copies.front().sequence;
  if (guess < copies.size() && copies[guess].sequence == sequence) return static_cast<uint32_t>(guess);
  const auto it = std::lower_bound(copies.begin(), copies.end(), sequence,
                                   [](const Copy& copy, uint64_t s) { return copy.sequence < s; });
  return static_cast<uint32_t>(it - copies.begin());
}

void HistoryIndex::Append(uint32_t at) {
  const Record& record = history_.records[at];
  const uint32_t partition = PartitionOf(record.topic, record.partition);
  if (record.message >= messages_.size() || partition == kNone) return;
  const uint32_t ordinal = filled_[partition]++;
  const uint32_t copy = partition_begin_[partition] + ordinal;
  copies_[copy] = {.record = at,
                   .message = record.message,
                   .partition = partition,
                   .destroyed = kNever,
                   .sequence = record.sequence};
  MessageFacts& facts = messages_[record.message];
  if (facts.appends++ == 0) {
    facts.first_append = at;
    if (facts.topic == record.topic) {
      facts.partition = partition;
      facts.position = ordinal;
    }
    uint32_t& id_append = messages_[facts.canonical].id_append;
    if (id_append == kNever) id_append = at;
  }
  facts.last_append = at;
  if (facts.topic != record.topic) return;
  const auto readers = static_cast<uint32_t>(PairsOf(record.message).size());
  for (uint32_t pair = facts.first_pair; pair < facts.first_pair + readers; ++pair) {
    if (queue()) {
      ++pairs_[pair].open;
      continue;
    }
    const uint32_t slot = SlotOf(pairs_[pair].stage, record.partition);
    if (slot != kNone && committed_[slot] > record.sequence) Settle(at, pair, copy);
  }
}

void HistoryIndex::TakeOutput(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  if (record.message >= messages_.size()) return;
  uint32_t& first = messages_[record.message].first_output;
  if (first == kNever) first = at;
  if ((record.flags & kDeadLetter) != 0) return TakeDeadLetter(at, record.message, b);
  if (record.process >= processes_ || record.stage >= stage_input_.size()) return;
  const uint32_t attempt = b->attempt_of[record.process * stage_input_.size() + record.stage];
  if (attempt == kNone) return;
  ++attempts_[attempt].outputs;
  b->outputs.push_back({attempt, record.message});
}

// A dead letter that was made or published: of what its message says, by the stage of the record. Two stages that read one
// topic make the same dead letter of a message.
void HistoryIndex::TakeDeadLetter(uint32_t at, uint32_t message, Building* b) {
  if (message >= messages_.size() || messages_[message].role != MessageRole::kDeadLetter) return;
  const uint32_t pair = PairOf(history_.records[at].stage, history_.messages[message].of);
  if (pair == kNone) return;
  b->dead.push_back({pair, message});
  if (pairs_[pair].dead_made_at == kNever) pairs_[pair].dead_made_at = at;
}

void HistoryIndex::TakeAttempt(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  if (record.process >= processes_ || record.stage >= stage_input_.size()) return;
  uint32_t& last = b->attempt_of[record.process * stage_input_.size() + record.stage];
  last = kNone;
  const uint32_t pair = PairOf(record.stage, record.message);
  if (pair == kNone || (record.flags & kSkipped) != 0) return;
  last = static_cast<uint32_t>(attempts_.size());
  attempts_.push_back({.record = at,
                       .pair = pair,
                       .previous = pairs_[pair].last_attempt,
                       .outputs = 0,
                       .durable_at = at,
                       .confirmed_at = at});
  pairs_[pair].last_attempt = last;
}

void HistoryIndex::TakePair(uint32_t at) {
  const Record& record = history_.records[at];
  const uint32_t index = PairOf(record.stage, record.message);
  if (index == kNone) return;
  PairFacts& pair = pairs_[index];
  uint32_t& first = record.kind == Kind::kDelivered  ? pair.first_delivered
                    : record.kind == Kind::kDispatch ? pair.first_dispatch
                                                     : pair.first_effect;
  if (first == kNever) first = at;
}

void HistoryIndex::TakeHolding(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  const uint32_t slot = SlotOf(record.stage, record.partition);
  if (slot == kNone || record.process >= processes_) return;
  uint32_t& current = b->holding[static_cast<size_t>(record.process) * slots() + slot];
  if (record.kind == Kind::kAssigned) {
    if (current != kNone && holdings_[current].end == kNever) holdings_[current].end = at;
    holdings_.push_back({.epoch = record.epoch,
                         .start = record.value,
                         .assigned = at,
                         .slot = slot,
                         .previous = current,
                         .process = record.process,
                         .incarnation = record.incarnation});
    current = static_cast<uint32_t>(holdings_.size()) - 1;
    holding_of_[at] = current;
    return;
  }
  uint32_t found = current;
  while (found != kNone &&
         (holdings_[found].epoch != record.epoch || holdings_[found].incarnation != record.incarnation)) {
    found = holdings_[found].previous;
  }
  holding_of_[at] = found;
  if (found == kNone) return;
  Holding& holding = holdings_[found];
  if (record.kind == Kind::kRevoking && holding.revoking == kNever) holding.revoking = at;
  if ((record.kind == Kind::kReleased || record.kind == Kind::kLost) && holding.end == kNever) holding.end = at;
}

// All that the process held is held no more.
void HistoryIndex::EndHoldings(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  if (record.process >= processes_) return;
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    const uint32_t holding = b->holding[static_cast<size_t>(record.process) * slots() + slot];
    if (holding != kNone && holdings_[holding].end == kNever) holdings_[holding].end = at;
  }
}

void HistoryIndex::Settle(uint32_t record, uint32_t pair, uint32_t copy) {
  settlements_.push_back({.record = record, .pair = pair, .copy = copy});
  if (pairs_[pair].settled_at == kNever) pairs_[pair].settled_at = record;
}

void HistoryIndex::TakeCommitted(uint32_t at) {
  const Record& record = history_.records[at];
  const uint32_t slot = SlotOf(record.stage, record.partition);
  if (slot == kNone || record.topic != stage_input_[record.stage]) return;
  uint64_t& committed = committed_[slot];
  if (record.sequence <= committed) {
    if (record.sequence < committed) went_back_[slot] = 1;
    committed = record.sequence;
    return;
  }
  const uint32_t partition = PartitionOfSlot(slot);
  const uint32_t from = OrdinalAt(partition, committed);
  const uint32_t to = OrdinalAt(partition, record.sequence);
  committed = record.sequence;
  for (uint32_t ordinal = from; ordinal < to; ++ordinal) {
    const uint32_t copy = partition_begin_[partition] + ordinal;
    const uint32_t pair = PairOf(record.stage, copies_[copy].message);
    if (pair != kNone) Settle(at, pair, copy);
  }
}

void HistoryIndex::TakeDestroyed(uint32_t at) {
  const Record& record = history_.records[at];
  const uint32_t partition = PartitionOf(record.topic, record.partition);
  if (partition == kNone) return;
  if (!queue()) {
    const uint32_t ordinal = OrdinalAt(partition, record.sequence);
    Copy* copy = ordinal < filled_[partition] ? &copies_[partition_begin_[partition] + ordinal] : nullptr;
    if (copy != nullptr && copy->sequence == record.sequence && copy->destroyed == kNever) copy->destroyed = at;
  }
  const uint32_t index = PairOf(record.stage, record.message);
  if (index == kNone) return;
  PairFacts& pair = pairs_[index];
  if (pair.destroyed++ == 0) pair.destroyed_at = at;
  if (queue() && pair.open > 0) --pair.open;
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
      if (pair != kNone && copy.destroyed == kNever) ++pairs_[pair].open;
    }
  }
}

}  // namespace millrace::sim
