// What many checkers ask of a history, worked out once: where messages lie in their partitions, which attempts had which
// outputs durable when, what was settled when, who held what.
//
//   const HistoryIndex index(history);
//   const PairFacts& facts = index.pair(index.PairOf(stage, message));
//   if (facts.settled_at < facts.done_at()) …          // settled before it was done
//
// A *pair* is a message in a stage that reads its topic: what a group has to do once. A *copy* is a record of a
// partition: a message that was appended twice has two. A *slot* is a partition of a stage's input, a *holding* the time
// from which a process was given a slot to when it had it no more. All are dense numbers, so that facts are flat arrays;
// "when" is an index into History::records, and kNever lies behind all of them.
//
// Everything that a record says is taken for what it is: a history with nonsense in it (a stage that does not read the
// message's topic) gives kNone, and no error.
//
// What was published in a transaction is there when the transaction has been committed, and before that, or where it was
// aborted, nowhere: "appended" means seen by readers, from that record on. In the same way what a stage that is exactly-once
// has published is confirmed when its process hears that the transaction is committed.
//
// Threading: immutable once made; keeps a reference to the history, which must not change.
#ifndef MILLRACE_SIM_HISTORY_INDEX_H_
#define MILLRACE_SIM_HISTORY_INDEX_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "sim/history.h"

namespace millrace::sim {

inline constexpr uint32_t kNone = UINT32_MAX;
inline constexpr uint32_t kNever = UINT32_MAX;

struct MessageFacts {
  uint32_t first_pair = 0;     // its pairs are first_pair + ordinal of the reader
  uint32_t canonical = kNone;  // the first message with this topic and id: itself, mostly
  uint32_t key = kNoKey;
  uint32_t job = kNoJob;
  uint32_t partition = kNone;  // dense number, of the first append
  uint32_t position = 0;       // ordinal in it, of the first append
  uint32_t first_append = kNever;
  uint32_t last_append = kNever;
  uint32_t appends = 0;
  uint32_t id_append = kNever;  // canonical messages only: the kAppended of the first seen of any content under the id
  uint32_t first_output = kNever;   // kOutput
  uint32_t first_confirm = kNever;  // kConfirm, OK
  uint16_t topic = kNoTopic;
  MessageRole role = MessageRole::kForeign;
};

struct PairFacts {
  uint32_t message = kNoMessage;
  // When first a successful attempt had all its outputs appended (confirmed), and a dead letter was.
  uint32_t durable_at = kNever;
  uint32_t dead_at = kNever;
  uint32_t confirmed_at = kNever;
  uint32_t dead_confirmed_at = kNever;
  uint32_t dead_made_at = kNever;  // its first dead letter was made, or published
  uint32_t first_delivered = kNever;
  uint32_t first_dispatch = kNever;
  uint32_t last_attempt = kNone;  // index into attempts(); skipped ones do not count
  uint32_t first_effect = kNever;
  uint32_t settled_at = kNever;    // first settlement at the broker
  uint32_t destroyed_at = kNever;  // while the group had not settled it
  uint32_t destroyed = 0;          // how many copies of it
  uint32_t announced = 0;          // … of which a process of the group was told afterwards
  uint32_t open = 0;               // copies that are on the bus for the group at the end
  uint16_t stage = kNoStage;

  uint32_t done_at() const { return durable_at < dead_at ? durable_at : dead_at; }
  uint32_t told_at() const { return confirmed_at < dead_confirmed_at ? confirmed_at : dead_confirmed_at; }
};

struct Copy {
  uint32_t record = kNone;    // kAppended
  uint32_t visible = kNever;  // since when readers see it: the same, or the kEnded of its transaction
  uint32_t message = kNoMessage;
  uint32_t partition = kNone;
  uint32_t destroyed = kNever;
  uint64_t sequence = 0;
};

struct AttemptFacts {
  uint32_t record = kNone;
  uint32_t pair = kNone;
  uint32_t previous = kNone;  // of the same pair
  uint32_t outputs = 0;       // as recorded; dead letters are no outputs
  uint32_t durable_at = 0;    // successful ones: when all outputs were appended
  uint32_t confirmed_at = 0;
};

struct Settlement {
  uint32_t record = kNone;  // kCommitted, kAcked; kAppended where the offset had been committed before
  uint32_t pair = kNone;
  uint32_t copy = kNone;  // logs
};

struct Holding {
  uint64_t epoch = 0;
  uint64_t start = 0;  // logs: where it starts
  uint32_t assigned = kNone;
  uint32_t revoking = kNever;
  uint32_t end = kNever;  // kReleased, kLost, kCrash, kStopped; the next kAssigned of the process where it told nothing
  uint32_t slot = kNone;
  uint32_t previous = kNone;  // of the same process and slot
  uint16_t process = kNoProcess;
  uint16_t incarnation = 0;
};

struct TransactionFacts {
  uint32_t ended = kNever;  // kEnded
  bool committed = false;
  std::vector<uint32_t> copies;  // indices into copies(), in the order of their records
};

class HistoryIndex {
 public:
  explicit HistoryIndex(const History& history);
  HistoryIndex(const HistoryIndex&) = delete;
  HistoryIndex& operator=(const HistoryIndex&) = delete;

  const History& history() const { return history_; }
  std::span<const Record> records() const { return history_.records; }
  bool queue() const { return history_.topology.queue; }

  // Records of a kind, ascending.
  std::span<const uint32_t> Of(Kind kind) const {
    const auto k = static_cast<size_t>(kind);
    return std::span(by_kind_).subspan(kind_begin_[k], kind_begin_[k + 1] - kind_begin_[k]);
  }
  bool Has(Kind kind) const { return !Of(kind).empty(); }
  // Calls `take(at)` for the records of several kinds, ascending, until it returns false.
  template <class Take>
  void ForEachOf(std::initializer_list<Kind> kinds, const Take& take) const {
    uint64_t wanted = 0;
    for (const Kind kind : kinds) wanted |= uint64_t{1} << static_cast<int>(kind);
    const std::span<const uint8_t> all = kinds_;
    const auto count = static_cast<uint32_t>(all.size());
    for (uint32_t at = 0; at < count; ++at) {
      if ((wanted >> all[at] & 1) != 0 && !take(at)) return;
    }
  }
  // The run came to rest: neither cut off nor stuck.
  bool quiet() const { return Has(Kind::kQuiet) && !Has(Kind::kStuck) && !Has(Kind::kLimit); }

  // Partitions of topics, densely.
  uint32_t partitions() const { return static_cast<uint32_t>(partition_begin_.size()) - 1; }
  uint32_t PartitionOf(uint16_t topic, uint32_t partition) const {
    if (topic >= history_.topology.topics.size()) return kNone;
    const uint32_t flat = topic_begin_[topic] + partition;
    return flat < topic_begin_[topic + 1u] ? flat : kNone;
  }
  uint16_t TopicOfPartition(uint32_t partition) const { return partition_topic_[partition]; }
  // Its records, in order.
  std::span<const Copy> CopiesIn(uint32_t partition) const {
    return std::span(copies_).subspan(partition_begin_[partition],
                                      partition_begin_[partition + 1] - partition_begin_[partition]);
  }
  // Ordinal of the first record at or behind the sequence.
  uint32_t OrdinalAt(uint32_t partition, uint64_t sequence) const;

  // Slots: the input partitions of stages, densely.
  uint32_t slots() const { return slot_begin_.back(); }
  uint32_t SlotOf(uint16_t stage, uint32_t partition) const {
    if (stage >= history_.topology.stages.size()) return kNone;
    const uint32_t slot = slot_begin_[stage] + partition;
    return slot < slot_begin_[stage + 1u] ? slot : kNone;
  }
  uint32_t NumberOfSlot(uint32_t slot) const { return slot - slot_begin_[slot_stage_[slot]]; }
  uint32_t PartitionOfSlot(uint32_t slot) const {
    const uint16_t stage = slot_stage_[slot];
    return topic_begin_[history_.topology.stages[stage].input] + slot - slot_begin_[stage];
  }
  // Of the pair, where its message was first appended; kNone when it was not.
  uint32_t SlotOfPair(const PairFacts& pair) const {
    const MessageFacts& facts = messages_[pair.message];
    if (facts.partition == kNone) return kNone;
    return slot_begin_[pair.stage] + facts.partition - topic_begin_[facts.topic];
  }
  // A group's committed offset went back.
  struct StepBack {
    uint32_t record = kNone;  // kCommitted
    uint32_t slot = kNone;
    uint64_t from = 0, to = 0;
    uint32_t recovered = kNever;  // the kCommitted that has reached `from` again
  };
  // Ascending.
  std::span<const StepBack> steps_back() const { return steps_back_; }
  // By how many offsets the group's went back, each time that it did before the record `before` and had not been where it was
  // again by the record `since`.
  uint64_t WentBack(uint32_t slot, uint32_t before, uint32_t since) const;

  // By number, which counts from 1: the first is none.
  std::span<const TransactionFacts> transactions() const { return transactions_; }
  std::span<const Copy> copies() const { return copies_; }

  const MessageFacts& message(uint32_t message) const { return messages_[message]; }
  std::span<const MessageFacts> messages() const { return messages_; }

  uint32_t PairOf(uint16_t stage, uint32_t message) const {
    if (message >= messages_.size() || stage >= stage_ordinal_.size()) return kNone;
    const MessageFacts& facts = messages_[message];
    if (facts.topic != stage_input_[stage] || facts.topic == kNoTopic) return kNone;
    return facts.first_pair + stage_ordinal_[stage];
  }
  const PairFacts& pair(uint32_t pair) const { return pairs_[pair]; }
  std::span<const PairFacts> pairs() const { return pairs_; }
  std::span<const PairFacts> PairsOf(uint32_t message) const {
    const uint32_t begin = messages_[message].first_pair;
    const size_t end = message + 1 < messages_.size() ? messages_[message + 1].first_pair : pairs_.size();
    return std::span(pairs_).subspan(begin, end - begin);
  }

  std::span<const AttemptFacts> attempts() const { return attempts_; }
  // By record.
  std::span<const Settlement> settlements() const { return settlements_; }

  // Processes, those that joined later included.
  uint32_t processes() const { return processes_; }
  std::span<const Holding> holdings() const { return holdings_; }
  // The holding that a process's record speaks of, by its place and epoch; kNone when it was never given that.
  uint32_t HoldingOf(uint32_t record) const { return holding_of_[record]; }

  // Whether all that was destroyed of the pair was told afterwards: of its partition, and on logs of its offset.
  static bool Announced(const PairFacts& pair) { return pair.destroyed > 0 && pair.announced == pair.destroyed; }

 private:
  struct Building;
  void LayOut();
  void CountKinds();
  void Take(uint32_t at, Building* b);
  void Append(uint32_t at);
  void Show(uint32_t copy, uint32_t at);
  void TakeEnded(uint32_t at);
  void TakeTransacted(uint32_t at, Building* b);
  void TakeConfirm(uint32_t at, Building* b);
  void TakeTrouble(uint32_t at);
  void TakeAcked(uint32_t at);
  void TakeOutput(uint32_t at, Building* b);
  void TakeDeadLetter(uint32_t at, uint32_t message, Building* b);
  void TakeAttempt(uint32_t at, Building* b);
  void TakeHolding(uint32_t at, Building* b);
  void TakePair(uint32_t at);
  void TakeCommitted(uint32_t at);
  void TakeDestroyed(uint32_t at);
  void Settle(uint32_t record, uint32_t pair, uint32_t copy);
  void EndHoldings(uint32_t at, Building* b);
  void FinishPairs(const Building& b);
  void FinishOpen();

  const History& history_;
  static constexpr size_t kKindsMax = 64;
  static constexpr uint8_t kNonsense = kKindsMax - 1;  // a kind that there is not
  static_assert(kKinds <= kNonsense);

  uint32_t processes_ = 0;
  std::array<uint32_t, kKindsMax + 1> kind_begin_{};
  std::vector<uint32_t> by_kind_;
  std::vector<uint8_t> kinds_;  // by record: what passes over all of them look at first, in a 64th of the memory
  std::vector<uint32_t> topic_begin_, partition_begin_, slot_begin_;
  std::vector<uint16_t> partition_topic_, slot_stage_, stage_input_;
  std::vector<uint32_t> stage_ordinal_;
  std::vector<Copy> copies_;
  std::vector<TransactionFacts> transactions_;
  std::vector<uint32_t> filled_;  // copies taken so far, by partition
  std::vector<MessageFacts> messages_;
  std::vector<PairFacts> pairs_;
  std::vector<AttemptFacts> attempts_;
  std::vector<Settlement> settlements_;
  std::vector<Holding> holdings_;
  std::vector<uint32_t> holding_of_;
  std::vector<uint64_t> committed_;
  std::vector<StepBack> steps_back_;
  struct Untold {
    uint64_t sequence = 0;
    uint32_t pair = kNone;
  };
  std::vector<std::vector<Untold>> untold_;  // by slot: copies that were destroyed, and nobody has told of yet
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_HISTORY_INDEX_H_
