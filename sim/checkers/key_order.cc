// Per key, things happen for the first time in the order in which their causes did:
//   * jobs of the feed are appended in the order in which they were handed over;
//   * outputs of a stage that keep their input's key are appended in the order of those inputs;
//   * the effects of a sink are made in that order.
// The order of inputs is the order of first appends in their partition; inputs in different partitions, and topics without
// order, promise nothing. What became a dead letter of the stage is out of the order: its key goes on without it, unless
// the stage parks keys. Then nothing that was tried after the dead letter may come of that key, until it is appended
// again (redriven) or succeeds after all.
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

// The furthest that a key has come somewhere.
struct Mark {
  uint32_t partition = kNone;  // of the causes
  uint32_t position = 0;
  uint32_t record = kNone;
  uint32_t message = kNoMessage;
};

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : history_(context.history),
        index_(context.index),
        findings_(context, kKeyOrder.name),
        keys_(static_cast<uint32_t>(history_.keys.size())) {
    const Topology& topology = history_.topology;
    // Where marks are needed: by source topic, by (stage, output topic), by sink.
    feed_.assign(topology.topics.size(), kNone);
    outputs_.assign(topology.stages.size() * topology.topics.size(), kNone);
    sinks_.assign(topology.stages.size(), kNone);
    parked_.assign(topology.stages.size(), {});
    submitted_.assign(history_.jobs.size(), kNone);
  }

  CheckResult Run() {
    index_.ForEachOf({Kind::kSubmit, Kind::kAppended, Kind::kEffect}, [this](uint32_t at) {
      switch (index_.records()[at].kind) {
        case Kind::kSubmit:
          OnSubmit(at);
          break;
        case Kind::kAppended:
          OnAppended(at);
          break;
        default:
          OnEffect(at);
          break;
      }
      return !findings_.full();
    });
    return findings_.Take();
  }

 private:
  bool Ordered(uint16_t topic) const {
    return topic < history_.topology.topics.size() && history_.topology.topics[topic].ordered;
  }

  Mark& MarkAt(uint32_t* first, uint32_t key) {
    if (*first == kNone) {
      *first = static_cast<uint32_t>(marks_.size());
      marks_.resize(marks_.size() + keys_);
    }
    return marks_[*first + key];
  }

  // Whether it is in order; moves the mark on.
  static bool Advance(Mark* mark, uint32_t partition, uint32_t position, uint32_t record, uint32_t message) {
    const bool behind = mark->partition == partition && mark->record != kNone && position < mark->position;
    if (!behind) *mark = {partition, position, record, message};
    return !behind;
  }

  void OnSubmit(uint32_t at) {
    const uint32_t message = index_.records()[at].message;
    if (message >= index_.messages().size()) return;
    const uint32_t job = index_.message(message).job;
    if (job != kNoJob && submitted_[job] == kNone) submitted_[job] = at;
  }

  void OnAppended(uint32_t at) {
    const Record& record = index_.records()[at];
    if (record.message >= index_.messages().size()) return;
    const MessageFacts& facts = index_.message(record.message);
    // First occurrences of ids only.
    if (facts.key >= keys_ || index_.message(facts.canonical).id_append != at || !Ordered(facts.topic)) return;
    if (facts.role == MessageRole::kInput) {
      OnInput(at, facts);
    } else if (facts.role == MessageRole::kDerived && facts.first_output < at) {
      OnDerived(at, facts);
    } else if (facts.role == MessageRole::kDeadLetter) {
      OnDeadLetter(at);
    }
  }

  void OnInput(uint32_t at, const MessageFacts& facts) {
    if (facts.job == kNoJob || submitted_[facts.job] == kNone) return;
    Mark& mark = MarkAt(&feed_[facts.topic], facts.key);
    const uint32_t message = index_.records()[at].message;
    const uint32_t before = mark.record, other = mark.message;
    if (Advance(&mark, facts.partition, submitted_[facts.job], at, message)) return;
    Report("jobs out of order", "was appended behind " + MessageName(history_, other) + ", which was handed over later",
           message, {submitted_[facts.job], before, at});
  }

  void OnDerived(uint32_t at, const MessageFacts& facts) {
    const Record& output = index_.records()[facts.first_output];
    const uint32_t number = index_.PairOf(output.stage, static_cast<uint32_t>(output.value));
    if (number == kNone) return;
    const PairFacts& pair = index_.pair(number);
    const MessageFacts& input = index_.message(pair.message);
    if (input.key != facts.key || input.first_append == kNever || !Ordered(input.topic)) return;
    const uint32_t message = index_.records()[at].message;
    CheckParked(at, pair, facts.first_output, "output");
    // What was destroyed in front of others is late wherever its output was still under way.
    if (pair.dead_at != kNever || pair.destroyed_at != kNever) return;
    Mark& mark = MarkAt(&outputs_[pair.stage * history_.topology.topics.size() + facts.topic], facts.key);
    const uint32_t before = mark.record, other = mark.message;
    if (Advance(&mark, input.partition, input.position, at, message)) return;
    Report("outputs out of order",
           "was appended behind " + MessageName(history_, other) + ", whose input comes later in its partition",
           message, {InputOf(other), input.first_append, facts.first_output, before, at});
  }

  // The append of what an output was made of.
  uint32_t InputOf(uint32_t message) const {
    const uint32_t output = index_.message(message).first_output;
    if (output == kNever) return kNone;
    const auto input = static_cast<uint32_t>(index_.records()[output].value);
    return input < index_.messages().size() ? index_.message(input).first_append : kNone;
  }

  void OnEffect(uint32_t at) {
    const Record& record = index_.records()[at];
    const uint32_t number = index_.PairOf(record.stage, record.message);
    if (number == kNone || !history_.topology.stages[record.stage].sink) return;
    const PairFacts& pair = index_.pair(number);
    const MessageFacts& input = index_.message(record.message);
    if (pair.first_effect != at || input.key >= keys_ || input.first_append == kNever || !Ordered(input.topic)) return;
    CheckParked(at, pair, at, "effect");
    if (pair.dead_at != kNever || pair.destroyed_at != kNever) return;
    Mark& mark = MarkAt(&sinks_[record.stage], input.key);
    const uint32_t before = mark.record, other = mark.message;
    if (Advance(&mark, input.partition, input.position, at, record.message)) return;
    Report("effects out of order",
           "took effect behind " + MessageName(history_, other) + ", which comes later in its partition",
           record.message, {input.first_append, index_.message(other).first_append, before, at});
  }

  // ---- parked keys

  void OnDeadLetter(uint32_t at) {
    const uint32_t message = index_.records()[at].message;
    const MessageInfo& info = history_.messages[message];
    const uint32_t number = index_.PairOf(info.stage, info.of);
    if (number == kNone || !history_.topology.stages[info.stage].park_key) return;
    const PairFacts& pair = index_.pair(number);
    const MessageFacts& input = index_.message(info.of);
    if (input.key >= keys_ || input.last_append > at || pair.durable_at != kNever) return;
    std::vector<Mark>& parked = parked_[info.stage];
    if (parked.empty()) parked.resize(keys_);
    Mark& mark = parked[input.key];
    if (mark.record == kNone) mark = {input.partition, input.position, at, info.of};
  }

  // `made`: when what happens now was made.
  void CheckParked(uint32_t at, const PairFacts& pair, uint32_t made, const char* what) {
    const std::vector<Mark>& parked = parked_[pair.stage];
    if (parked.empty()) return;
    const MessageFacts& input = index_.message(pair.message);
    const Mark& mark = parked[input.key];
    const bool after = mark.record != kNone && mark.partition == input.partition && input.position > mark.position &&
                       made > mark.record && pair.first_dispatch > mark.record;
    if (!after) return;
    Report("parked key went on",
           std::string("has an ") + what + " although " + MessageName(history_, mark.message) +
               " of the same key is a dead letter and the stage parks keys",
           pair.message, {mark.record, pair.first_dispatch, at});
  }

  void Report(std::string_view signature, const std::string& text, uint32_t message,
              std::initializer_list<uint32_t> evidence) {
    const uint32_t key = index_.message(message).key;
    findings_.Add(signature, MessageName(history_, message) + " (key '" + history_.keys[key] + "') " + text, kNoJob,
                  message, evidence);
  }

  const History& history_;
  const HistoryIndex& index_;
  Findings findings_;
  const uint32_t keys_;
  std::vector<Mark> marks_;                       // blocks of one for each key
  std::vector<uint32_t> feed_, outputs_, sinks_;  // where a block begins
  std::vector<uint32_t> submitted_;               // by job
  std::vector<std::vector<Mark>> parked_;         // by stage and key
};

CheckResult Check(const CheckContext& context) { return Pass(context).Run(); }

constexpr Excuse kExcuses[] = {{.concerns = MakesFail, .why = "what became a dead letter: its key goes on without it"},
                               {.concerns = DestroysAny, .why = "what was destroyed"}};

}  // namespace

const Checker kKeyOrder = {.name = "key-order",
                           .summary = "per key, jobs, outputs and effects first happen in the order of their causes",
                           .check = Check,
                           .excuses = kExcuses};

}  // namespace millrace::sim
