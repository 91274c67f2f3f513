// Work is repeated only as far as something explains it.
//
// A message comes again only when its partition has changed hands (or its owner has come back): then what was unsettled at
// that time, which is at most two windows and what was fetched ahead of them (the settlements of one window may be on
// their way while the next is worked on). Deliveries to a process that has trouble with the broker may go unsettled
// beyond that, and each explains one more. Where the group's committed offset went back, so does what it went back over, to
// holdings that begin before it is there again. A slot's first holding explains nothing.
//
// A message is published once for each time that it was made, and once more for each answer that was not OK. It is
// appended as often as it was published or handed over; a client may repeat it on its own when a fault has struck, or its process
// has had trouble. Where the broker's record says no times, each of those explains repeats only of what had no answer about then,
// and of all messages of a stage together no more than had none at one time (sim/checkers/client_repeats.h). A stage that
// is exactly-once publishes again what was in a transaction that did not end well, and what nobody has seen was not appended.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/client_repeats.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kBatch = 64;     // what a driver hands over at once
constexpr uint64_t kDataLoss = 15;  // tells of messages, and not of the connection

class Redeliveries {
 public:
  explicit Redeliveries(const CheckContext& context, Findings* findings)
      : context_(context),
        history_(context.history),
        index_(context.index),
        findings_(*findings),
        delivered_(index_.pairs().size(), 0),
        again_(index_.holdings().size(), 0),
        spare_(index_.slots(), 0),
        seen_(index_.slots(), 0),
        first_(index_.holdings().size(), 0),
        last_(index_.slots(), kNone),
        trouble_(static_cast<size_t>(index_.processes()) * history_.topology.stages.size(), 0) {
    for (const Strike& strike : history_.strikes) struck_ns_ = std::min(struck_ns_, strike.at_ns);
  }

  void Run() {
    for (size_t i = 0; i < index_.holdings().size(); ++i) {
      uint8_t& seen = seen_[index_.holdings()[i].slot];
      first_[i] = seen == 0;
      seen = 1;
    }
    const auto troubles = index_.Of(Kind::kTrouble);
    size_t next = 0;
    for (uint32_t at : index_.Of(Kind::kDelivered)) {
      for (; next < troubles.size() && troubles[next] < at; ++next) OnTrouble(index_.records()[troubles[next]]);
      OnDelivered(at);
      if (findings_.full()) return;
    }
  }

 private:
  void OnTrouble(const Record& record) {
    const size_t stages = history_.topology.stages.size();
    if (record.process >= index_.processes()) return;
    for (size_t stage = 0; stage < stages; ++stage) {
      if (record.stage == kNoStage || record.stage == stage)
        trouble_[record.process * stages + stage] = record.value != 0 && record.value != kDataLoss;
    }
  }

  uint64_t SpanOf(uint16_t stage) const {
    const uint64_t window = history_.topology.stages[stage].window;
    return index_.queue() ? window + context_.plan.prefetch : 2 * (window + kBatch);
  }

  void OnDelivered(uint32_t at) {
    const Record& record = index_.records()[at];
    const uint32_t number = index_.PairOf(record.stage, record.message);
    const uint32_t holding = index_.HoldingOf(at);
    if (number == kNone || holding == kNone) return;
    const uint32_t slot = index_.holdings()[holding].slot;
    // On queues several may have subscribed, and the broker goes on to the next one without a new assignment; on logs
    // what was fetched before somebody else took over may come after that.
    if (last_[slot] != kNone && last_[slot] != holding) first_[holding] = 0;
    last_[slot] = holding;
    if (record.process < index_.processes() &&
        trouble_[record.process * history_.topology.stages.size() + record.stage] != 0) {
      ++spare_[slot];
    }
    // A message that was appended twice comes twice; copies that are appended later are forgiven too.
    if (delivered_[number]++ < index_.message(record.message).appends) return;
    // On queues the broker may go on to another consumer, or come back to the same one, by itself, once something is wrong; then
    // a window explains it, as after a new assignment.
    const bool first = first_[holding] != 0 && (!index_.queue() || record.at_ns < struck_ns_);
    const uint64_t allowed =
        first ? 0
              : SpanOf(record.stage) + spare_[slot] + index_.WentBack(slot, at, index_.holdings()[holding].assigned);
    if (++again_[holding] != allowed + 1) return;
    findings_.Add(first ? "came again with no cause" : "more came again than was in flight",
                  ProcessName(history_, record) + ", " + StageName(history_, record.stage) + " was given " +
                      MessageName(history_, record.message) + " again, the " + std::to_string(again_[holding]) +
                      ". such message of " + PlaceName(history_, record.topic, record.partition) + " where " +
                      std::to_string(allowed) + " are explained",
                  kNoJob, record.message,
                  {index_.pair(number).first_delivered, index_.holdings()[holding].assigned, at});
  }

  const CheckContext& context_;
  const History& history_;
  const HistoryIndex& index_;
  Findings& findings_;
  std::vector<uint32_t> delivered_;  // by pair
  std::vector<uint32_t> again_;      // by holding
  std::vector<uint32_t> spare_;      // by slot
  std::vector<uint8_t> seen_;        // by slot
  std::vector<uint8_t> first_;       // by holding
  std::vector<uint32_t> last_;       // by slot: the holding of its last delivery
  std::vector<uint8_t> trouble_;     // by process and stage
  int64_t struck_ns_ = INT64_MAX;    // when the first fault struck
};

struct Counts {
  uint32_t made = 0;
  uint32_t published = 0;
  uint32_t refused = 0;
  uint32_t last_publish = kNone;
};

// What was published in a transaction that was not committed counts as refused.
void AddVoided(const CheckContext& context, std::vector<Counts>* counts) {
  const HistoryIndex& index = context.index;
  const size_t stages = context.history.topology.stages.size();
  std::vector<std::vector<uint32_t>> published(index.processes() * stages);
  index.ForEachOf({Kind::kPublish, Kind::kTransacted}, [&](uint32_t at) {
    const Record& record = index.records()[at];
    if (record.process >= index.processes() || record.stage >= stages) return true;
    if (!context.history.topology.stages[record.stage].exactly_once) return true;
    std::vector<uint32_t>& mine = published[record.process * stages + record.stage];
    if (record.kind == Kind::kPublish) {
      if (record.message < counts->size()) mine.push_back(record.message);
      return true;
    }
    for (const uint32_t message : mine) (*counts)[message].refused += record.attempt == 0 || record.value != 0;
    mine.clear();
    return true;
  });
}

// How often clients may have repeated the message on their own: once for each fault that had struck before it was appended last,
// and for each trouble that a process that published it had by then.
uint64_t RepeatsExplained(const CheckContext& context, uint32_t message) {
  const HistoryIndex& index = context.index;
  const uint32_t last = index.message(message).last_append;
  std::vector<uint8_t> publisher(index.processes(), 0);
  for (uint32_t at : index.Of(Kind::kPublish)) {
    const Record& record = index.records()[at];
    if (at < last && record.message == message && record.process < publisher.size()) publisher[record.process] = 1;
  }
  uint64_t explained = 0;
  for (const Strike& strike : context.history.strikes) {
    if (strike.at_ns <= index.records()[last].at_ns) ++explained;
  }
  for (uint32_t at : index.Of(Kind::kTrouble)) {
    const Record& record = index.records()[at];
    if (at > last) break;
    if (record.value != 0 && record.process < publisher.size() && publisher[record.process] != 0) ++explained;
  }
  return explained;
}

// Of each stage, and of the feed behind them: appended beyond what was published.
struct Beyond {
  uint64_t count = 0;
  uint32_t message = kNoMessage;  // the last
};

void CheckInAll(const CheckContext& context, const ClientRepeats& repeats, const std::vector<Beyond>& beyond,
                Findings* findings) {
  const size_t stages = context.history.topology.stages.size();
  for (size_t maker = 0; maker < beyond.size(); ++maker) {
    const auto stage = maker < stages ? static_cast<uint16_t>(maker) : kNoStage;
    const auto& [count, message] = beyond[maker];
    if (count <= repeats.InAll(stage)) continue;
    const MessageFacts& facts = context.index.message(message);
    findings->Add("more appended again than was in flight",
                  "what " + (stage == kNoStage ? "the feed" : StageName(context.history, stage)) +
                      " made was appended " + std::to_string(count) + " times beyond what was published, where " +
                      std::to_string(repeats.InAll(stage)) + " are explained; " +
                      MessageName(context.history, message) + " among them",
                  kNoJob, message, {facts.first_append, facts.last_append});
  }
}

void CheckPublishes(const CheckContext& context, Findings* findings) {
  const HistoryIndex& index = context.index;
  std::vector<Counts> counts(index.messages().size());
  const auto of = [&](uint32_t at) -> Counts* {
    const uint32_t message = index.records()[at].message;
    return message < counts.size() ? &counts[message] : nullptr;
  };
  for (uint32_t at : index.Of(Kind::kOutput)) {
    if (Counts* c = of(at)) ++c->made;
  }
  for (uint32_t at : index.Of(Kind::kPublish)) {
    if (Counts* c = of(at)) {
      ++c->published;
      c->last_publish = at;
    }
  }
  for (uint32_t at : index.Of(Kind::kConfirm)) {
    if (Counts* c = of(at)) c->refused += index.records()[at].value != 0;
  }
  if (HasTransactions(context.history.topology)) AddVoided(context, &counts);
  for (uint32_t at : index.Of(Kind::kSubmit)) {
    if (Counts* c = of(at)) {
      ++c->made;
      ++c->published;
    }
  }
  const size_t stages = context.history.topology.stages.size();
  std::optional<ClientRepeats> repeats;
  if (context.history.observed) repeats.emplace(context);
  std::vector<Beyond> beyond(stages + 1);
  for (uint32_t message = 0; message < counts.size() && !findings->full(); ++message) {
    const Counts& c = counts[message];
    const MessageFacts& facts = index.message(message);
    const bool more = facts.appends > c.published && facts.role != MessageRole::kForeign;
    if (more) {
      Beyond& of_maker = beyond[std::min<size_t>(context.history.messages[message].stage, stages)];
      of_maker.count += facts.appends - c.published;
      of_maker.message = message;
    }
    // Of dead letters it is not written down how often they were made.
    if (c.published > c.made + c.refused && facts.role != MessageRole::kDeadLetter) {
      findings->Add("published more often than made",
                    MessageName(context.history, message) + " was published " + std::to_string(c.published) +
                        " times, made " + std::to_string(c.made) + " times and refused " + std::to_string(c.refused) +
                        " times",
                    kNoJob, message, {facts.first_output, c.last_publish});
    } else if (more && facts.appends > c.published + (repeats.has_value() ? repeats->Of(message)
                                                                          : RepeatsExplained(context, message))) {
      findings->Add("appended more often than published",
                    MessageName(context.history, message) + " was appended " + std::to_string(facts.appends) +
                        " times and published " + std::to_string(c.published) + " times",
                    kNoJob, message, {facts.first_append, facts.last_append});
    }
  }
  if (repeats.has_value() && !findings->full()) CheckInAll(context, *repeats, beyond, findings);
}

CheckResult Check(const CheckContext& context) {
  Findings findings(context, kDuplicatesExplained.name);
  Redeliveries(context, &findings).Run();
  CheckPublishes(context, &findings);
  return findings.Take();
}

constexpr Excuse kExcuses[] = {
    {.why =
         "two windows and what was fetched ahead, each time that a partition changes hands, and what is delivered to a "
         "process in trouble; on queues, the same of a consumer to whom the broker comes back; a repeat by a client "
         "for each fault before it, and each trouble of who published it"},
    {.concerns = GivesAgain, .why = "what the committed offset went back over, until it is there again"}};

}  // namespace

const Checker kDuplicatesExplained = {.name = "duplicates-explained",
                                      .summary =
                                          "work is repeated only as far as crashes, moves, outages and aborted "
                                          "transactions explain",
                                      .check = Check,
                                      .excuses = kExcuses};

}  // namespace millrace::sim
