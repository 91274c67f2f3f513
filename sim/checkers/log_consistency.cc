// What the broker and its clients do with records, in the terms of Jepsen's Kafka workload (docs/reference/anomalies.md):
//   inconsistent-offsets    two messages at one offset, or offsets that do not ascend
//   lost-write              a publish was confirmed before it was appended
//   polls (log_polls.cc), of one holding:
//     int-nonmonotonic-poll   deliveries that do not ascend
//     int-poll-skip           a record that lay in between, and was there, was not delivered (logs)
//     aborted-read            a record of a transaction that had been aborted was (logs)
//     precommitted-read       … of one that was open
//   polls (log_starts.cc), from one holding to the next (logs):
//     poll-skip               it starts behind what the group had ever committed, with something to read in between
//     nonmonotonic-poll       it starts in front of what the group had committed when its process could ask at the earliest
//     unseen                  the run is at rest, and a record was never delivered to a group that reads its topic (queues too)
//   sends (log_sends.cc):
//     nonmonotonic-send       what one producer published first was appended behind what it published later
//   G1c                     a group had committed past a record of a transaction that was committed only then: what it did with
//                           that record happened before it was written. Where all of this goes forward in time there is no cycle
#include <string>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/log_parts.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

void CheckOffsets(const CheckContext& context, Findings* findings) {
  const HistoryIndex& index = context.index;
  for (uint32_t partition = 0; partition < index.partitions() && !index.queue(); ++partition) {
    const auto copies = index.CopiesIn(partition);
    const uint16_t topic = index.TopicOfPartition(partition);
    for (size_t i = 1; i < copies.size() && !findings->full(); ++i) {
      if (copies[i].sequence > copies[i - 1].sequence) continue;
      findings->Add("inconsistent-offsets",
                    PlaceName(context.history, topic, partition - index.PartitionOf(topic, 0)) + ": " +
                        MessageName(context.history, copies[i].message) + " was appended at offset " +
                        std::to_string(copies[i].sequence) + ", behind " + std::to_string(copies[i - 1].sequence),
                    kNoJob, copies[i].message, {copies[i - 1].record, copies[i].record});
    }
  }
}

void CheckConfirms(const CheckContext& context, Findings* findings) {
  const HistoryIndex& index = context.index;
  for (uint32_t message = 0; message < index.messages().size() && !findings->full(); ++message) {
    const MessageFacts& facts = index.message(message);
    if (facts.first_confirm == kNever || facts.first_append < facts.first_confirm) continue;
    findings->Add("lost-write", MessageName(context.history, message) + " was confirmed and had not been appended",
                  kNoJob, message, {facts.first_confirm});
  }
}

// A settlement by the end of a transaction: the offset had been there already.
void CheckCycles(const CheckContext& context, Findings* findings) {
  const HistoryIndex& index = context.index;
  for (const Settlement& settlement : index.settlements()) {
    if (settlement.copy == kNone || index.records()[settlement.record].kind != Kind::kEnded) continue;
    const Copy& copy = index.copies()[settlement.copy];
    if (copy.visible != settlement.record || copy.destroyed < settlement.record || findings->full()) continue;
    findings->Add("G1c",
                  MessageName(context.history, copy.message) + " was committed when the group of " +
                      StageName(context.history, index.pair(settlement.pair).stage) + " was past it already",
                  kNoJob, copy.message, {copy.record, copy.visible});
  }
}

CheckResult Check(const CheckContext& context) {
  Findings findings(context, kLogConsistency.name);
  CheckOffsets(context, &findings);
  CheckPolls(context, &findings);
  CheckStarts(context, &findings);
  CheckConfirms(context, &findings);
  CheckSends(context, &findings);
  if (HasTransactions(context.history.topology)) CheckCycles(context, &findings);
  return findings.Take();
}

constexpr Excuse kExcuses[] = {
    {.concerns = DestroysOfLogs, .why = "where who was told since that its log is shorter starts"}};

}  // namespace

const Checker kLogConsistency = {.name = "log-consistency",
                                 .summary =
                                     "offsets, polls and sends are as a log (or a queue) has them, and nobody reads "
                                     "what is not committed",
                                 .check = Check,
                                 .excuses = kExcuses};

}  // namespace millrace::sim
