// HistoryIndex: what the broker has done.
#include <algorithm>

#include "sim/history_index.h"

namespace millrace::sim {

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
                   .visible = kNever,
                   .message = record.message,
                   .partition = partition,
                   .destroyed = kNever,
                   .sequence = record.sequence};
  if (record.value == 0) return Show(copy, at);
  // No transaction has a number that is larger than the records there are.
  if (record.value >= history_.records.size()) return;
  if (record.value >= transactions_.size()) transactions_.resize(record.value + 1);
  transactions_[record.value].copies.push_back(copy);
}

// Readers see it from the record `at` on.
void HistoryIndex::Show(uint32_t copy, uint32_t at) {
  Copy& shown = copies_[copy];
  const Record& record = history_.records[shown.record];
  shown.visible = at;
  MessageFacts& facts = messages_[shown.message];
  if (facts.appends++ == 0) {
    facts.first_append = at;
    if (facts.topic == record.topic) {
      facts.partition = shown.partition;
      facts.position = copy - partition_begin_[shown.partition];
    }
    uint32_t& id_append = messages_[facts.canonical].id_append;
    if (id_append == kNever) id_append = shown.record;
  }
  facts.last_append = at;
  if (facts.topic != record.topic) return;
  const auto readers = static_cast<uint32_t>(PairsOf(shown.message).size());
  for (uint32_t pair = facts.first_pair; pair < facts.first_pair + readers; ++pair) {
    if (queue()) {
      ++pairs_[pair].open;
      continue;
    }
    const uint32_t slot = SlotOf(pairs_[pair].stage, record.partition);
    if (slot != kNone && committed_[slot] > record.sequence) Settle(at, pair, copy);
  }
}

void HistoryIndex::TakeEnded(uint32_t at) {
  const Record& record = history_.records[at];
  if (record.value >= history_.records.size()) return;
  if (record.value >= transactions_.size()) transactions_.resize(record.value + 1);
  TransactionFacts& transaction = transactions_[record.value];
  if (transaction.ended != kNever) return;
  transaction.ended = at;
  transaction.committed = record.attempt != 0;
  if (!transaction.committed) return;
  for (const uint32_t copy : transaction.copies) Show(copy, at);
}

void HistoryIndex::TakeAcked(uint32_t at) {
  const uint32_t pair = PairOf(history_.records[at].stage, history_.records[at].message);
  if (pair == kNone) return;
  Settle(at, pair, kNone);
  if (pairs_[pair].open > 0) --pairs_[pair].open;
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
    if (record.sequence < committed)
      steps_back_.push_back({.record = at, .slot = slot, .from = committed, .to = record.sequence});
    committed = record.sequence;
    return;
  }
  const uint32_t partition = PartitionOfSlot(slot);
  const uint32_t from = OrdinalAt(partition, committed);
  const uint32_t to = OrdinalAt(partition, record.sequence);
  committed = record.sequence;
  for (StepBack& step : steps_back_) {
    if (step.slot == slot && step.recovered == kNever && step.from <= committed) step.recovered = at;
  }
  for (uint32_t ordinal = from; ordinal < to; ++ordinal) {
    const uint32_t copy = partition_begin_[partition] + ordinal;
    if (copies_[copy].visible == kNever) continue;
    const uint32_t pair = PairOf(record.stage, copies_[copy].message);
    if (pair != kNone) Settle(at, pair, copy);
  }
}

uint64_t HistoryIndex::WentBack(uint32_t slot, uint32_t before, uint32_t since) const {
  uint64_t by = 0;
  for (const StepBack& step : steps_back_) {
    if (step.record >= before) break;
    if (step.slot == slot && step.recovered > since) by += step.from - step.to;
  }
  return by;
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
  const uint32_t slot = SlotOf(record.stage, record.partition);
  if (slot == kNone) return;
  if (untold_.empty()) untold_.resize(slots());
  untold_[slot].push_back({.sequence = record.sequence, .pair = index});
}

}  // namespace millrace::sim
