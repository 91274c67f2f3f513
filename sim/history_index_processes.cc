// HistoryIndex: what processes do and are told.
#include "sim/history_index_building.h"

namespace millrace::sim {

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

// All that the process held is held no more, and it will not hear of the end of its transactions.
void HistoryIndex::EndHoldings(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  if (record.process >= processes_) return;
  for (size_t stage = 0; stage < stage_input_.size() && !b->confirmed.empty(); ++stage)
    b->confirmed[record.process * stage_input_.size() + stage].clear();
  for (uint32_t slot = 0; slot < slots(); ++slot) {
    const uint32_t holding = b->holding[static_cast<size_t>(record.process) * slots() + slot];
    if (holding != kNone && holdings_[holding].end == kNever) holdings_[holding].end = at;
  }
}

void HistoryIndex::TakeConfirm(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  if (record.value != 0 || record.message >= messages_.size()) return;
  if (!b->confirmed.empty() && record.stage < stage_input_.size() && record.process < processes_ &&
      history_.topology.stages[record.stage].exactly_once) {
    b->confirmed[record.process * stage_input_.size() + record.stage].push_back(record.message);
    return;
  }
  uint32_t& first = messages_[record.message].first_confirm;
  if (first == kNever) first = at;
}

void HistoryIndex::TakeTransacted(uint32_t at, Building* b) {
  const Record& record = history_.records[at];
  if (b->confirmed.empty() || record.process >= processes_ || record.stage >= stage_input_.size()) return;
  std::vector<uint32_t>& confirmed = b->confirmed[record.process * stage_input_.size() + record.stage];
  for (const uint32_t message : confirmed) {
    uint32_t& first = messages_[message].first_confirm;
    if (record.attempt != 0 && record.value == 0 && first == kNever) first = at;
  }
  confirmed.clear();
}

void HistoryIndex::TakeTrouble(uint32_t at) {
  constexpr uint64_t kDataLoss = 15;
  const Record& record = history_.records[at];
  const uint32_t slot = SlotOf(record.stage, record.partition);
  if (record.value != kDataLoss || slot == kNone || record.topic != stage_input_[record.stage] || untold_.empty())
    return;
  std::erase_if(untold_[slot], [&](const Untold& untold) {
    const bool told = queue() || (untold.sequence >= record.sequence &&
                                  (record.count == kNoEnd || untold.sequence - record.sequence < record.count));
    if (told) ++pairs_[untold.pair].announced;
    return told;
  });
}

}  // namespace millrace::sim
