// Memory is bounded. At any time
//   * a process holds, of a partition, no more unsettled messages than the window and two batches (one that fills it, one
//     that was on its way) on logs, and than the window and the prefetch on queues;
//   * a stage of a process has no more publishes unanswered than two such loads of all its partitions could emit (of the
//     partitions that it has, and of those that it had);
//   * no message is tried more often under one holding than its attempts allow. What a broker gives again under the same
//     holding is tried anew. Outages are no attempts, and attempts that were thrown away for another's time-out need not
//     be counted: twice as many failures are let pass, but the number that the attempt itself bears must not go beyond.
#include <algorithm>
#include <string>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kBatch = 64;
constexpr uint64_t kUnavailable = 14;

class Pass {
 public:
  explicit Pass(const CheckContext& context)
      : context_(context),
        history_(context.history),
        index_(context.index),
        findings_(context, kBounded.name),
        held_(index_.holdings().size(), 0),
        told_(index_.holdings().size(), 0),
        unanswered_(static_cast<size_t>(index_.processes()) * history_.topology.stages.size(), 0),
        failures_(index_.pairs().size()) {}

  CheckResult Run() {
    MeasureOutputs();
    const auto count = static_cast<uint32_t>(index_.records().size());
    for (uint32_t at = 0; at < count && !findings_.full(); ++at) {
      const Record& record = index_.records()[at];
      switch (record.kind) {
        case Kind::kDelivered:
          OnDelivered(at, record);
          [[fallthrough]];
        case Kind::kSettle:
          OnWindow(at, record);
          break;
        case Kind::kPublish:
        case Kind::kConfirm:
          OnPublish(at, record);
          break;
        case Kind::kDispatch:
        case Kind::kAttempt:
          OnAttempt(at, record);
          break;
        case Kind::kStart:
        case Kind::kCrash:
          Forget(record.process);
          break;
        default:
          break;
      }
    }
    return findings_.Take();
  }

 private:
  uint64_t LoadOf(uint16_t stage) const {
    return history_.topology.stages[stage].window + (index_.queue() ? context_.plan.prefetch : 2 * kBatch);
  }

  void MeasureOutputs() {
    outputs_.assign(history_.topology.stages.size(), 1);
    for (const AttemptFacts& attempt : index_.attempts()) {
      uint64_t& most = outputs_[index_.pair(attempt.pair).stage];
      most = std::max<uint64_t>(most, attempt.outputs);
    }
  }

  void OnWindow(uint32_t at, const Record& record) {
    const uint32_t holding = index_.HoldingOf(at);
    if (holding == kNone || record.message == kNoMessage) return;
    uint32_t& held = held_[holding];
    if (record.kind == Kind::kSettle) {
      if (held > 0) --held;
      return;
    }
    if (++held <= LoadOf(record.stage) || told_[holding] != 0) return;
    told_[holding] = 1;
    findings_.Add("window",
                  ProcessName(history_, record) + ", " + StageName(history_, record.stage) + " holds " +
                      std::to_string(held) + " unsettled messages of " +
                      PlaceName(history_, record.topic, record.partition) + ", where " +
                      std::to_string(LoadOf(record.stage)) + " are allowed",
                  kNoJob, record.message, {index_.holdings()[holding].assigned, at});
  }

  void OnPublish(uint32_t at, const Record& record) {
    const size_t stages = history_.topology.stages.size();
    if (record.process >= index_.processes() || record.stage >= stages) return;
    uint64_t& unanswered = unanswered_[record.process * stages + record.stage];
    if (record.kind == Kind::kConfirm) {
      if (unanswered > 0) --unanswered;
      return;
    }
    const uint16_t input = history_.topology.stages[record.stage].input;
    const uint64_t partitions =
        input < history_.topology.topics.size() ? history_.topology.topics[input].partitions : 1;
    const uint64_t bound = 2 * LoadOf(record.stage) * partitions * outputs_[record.stage];
    if (++unanswered != bound + 1) return;
    findings_.Add("publishes",
                  ProcessName(history_, record) + ", " + StageName(history_, record.stage) + " has " +
                      std::to_string(unanswered) + " publishes unanswered, where " + std::to_string(bound) +
                      " are allowed",
                  kNoJob, record.message, {at});
  }

  void OnDelivered(uint32_t at, const Record& record) {
    const uint32_t number = index_.PairOf(record.stage, record.message);
    if (number != kNone) ++Under(index_.HoldingOf(at), failures_[number]).deliveries;
  }

  void OnAttempt(uint32_t at, const Record& record) {
    const uint32_t number = index_.PairOf(record.stage, record.message);
    if (number == kNone) return;
    const uint32_t most = history_.topology.stages[record.stage].attempts_max;
    if (most == 0) return;
    bool beyond = record.kind == Kind::kDispatch && record.attempt > most;
    Failures& failures = failures_[number];
    const bool failed = record.kind == Kind::kAttempt && (record.flags & kSkipped) == 0 && record.value != 0 &&
                        record.value != kUnavailable;
    if (failed) {
      Under(index_.HoldingOf(at), failures);
      // Each copy of it has its own tries, and each time that it is given.
      const uint32_t tries = std::max({index_.message(record.message).appends, failures.deliveries, 1u});
      beyond = ++failures.count > 2 * most * tries;
    }
    if (!beyond || failures.told) return;
    failures.told = true;
    findings_.Add("attempts",
                  StageName(history_, record.stage) + " tries " + MessageName(history_, record.message) +
                      " more often than the " + std::to_string(most) + " times that are allowed",
                  kNoJob, record.message, {index_.pair(number).first_dispatch, at});
  }

  void Forget(uint16_t process) {
    const size_t stages = history_.topology.stages.size();
    if (process >= index_.processes()) return;
    std::fill_n(unanswered_.begin() + static_cast<ptrdiff_t>(process * stages), stages, 0);
  }

  // Of one message, under the holding that was last heard of.
  struct Failures {
    uint32_t holding = kNone;
    uint32_t deliveries = 0;
    uint32_t count = 0;
    bool told = false;
  };

  static Failures& Under(uint32_t holding, Failures& failures) {
    if (failures.holding != holding) failures = {.holding = holding, .told = failures.told};
    return failures;
  }

  const CheckContext& context_;
  const History& history_;
  const HistoryIndex& index_;
  Findings findings_;
  std::vector<uint32_t> held_;        // by holding
  std::vector<uint8_t> told_;         // by holding
  std::vector<uint64_t> unanswered_;  // by process and stage
  std::vector<Failures> failures_;    // by pair
  std::vector<uint64_t> outputs_;     // by stage: the most of one attempt
};

CheckResult Check(const CheckContext& context) { return Pass(context).Run(); }

}  // namespace

const Checker kBounded = {
    .name = "bounded", .summary = "windows, unanswered publishes and attempts have bounds", .check = Check};

}  // namespace millrace::sim
