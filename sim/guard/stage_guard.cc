#include "sim/guard/stage_guard.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <utility>

#include "bus/hex.h"
#include "sim/guard/difference.h"

namespace millrace::sim {
namespace {

constexpr size_t kSegmentBytes = 16 << 10;

// Runs `call`; what it throws is kept, and a status that says so stands for it.
template <class Call>
absl::Status Caught(const Call& call, std::exception_ptr* thrown) {
  try {
    return call();
  } catch (const std::exception& e) {
    *thrown = std::current_exception();
    return absl::UnknownError(std::string("threw ") + e.what());
  } catch (...) {
    *thrown = std::current_exception();
    return absl::UnknownError("threw something that is no std::exception");
  }
}

// Both calls' effects on one port for one message: the last of each, as a port may be asked more than once.
const PortLog::Effect* LastLike(const PortLog& log, const PortLog::Effect& like) {
  const auto at = std::find_if(log.effects.rbegin(), log.effects.rend(), [&like](const PortLog::Effect& each) {
    return each.port == like.port && each.id == like.id;
  });
  return at == log.effects.rend() ? nullptr : &*at;
}

}  // namespace

Comparison::Comparison(std::string stage, bool uses_ports, const GuardContext& guard)
    : stage_(std::move(stage)), uses_ports_(uses_ports), guard_(guard), pool_(kSegmentBytes), arena_(&pool_) {}

bool Comparison::Again(const StageCall& first) {
  if (!may_compare()) return false;
  if (guard_.ports_twice || first.port_calls == 0) return true;
  if (!std::exchange(told_, true)) {
    guard_.sink->NotCheckable(stage_,
                              "whether it is deterministic: it calls ports that its kind does not name "
                              "(StageKind::ports), and a second call would repeat effects");
  }
  return false;
}

void Comparison::Tell(std::string_view input, std::string what, std::string first, std::string second,
                      std::string_view name) {
  StageFinding finding{.kind = StageFindingKind::kNotDeterministic,
                       .stage = stage_,
                       .input = std::string(input),
                       .what = std::move(what),
                       .first = std::move(first),
                       .second = std::move(second)};
  finding.text = "the stage " + stage_ + " is not deterministic: called twice for input " + finding.input + ", " +
                 finding.what + (name.empty() ? "" : " named " + std::string(name)) + " was " + finding.first +
                 ", then " + finding.second;
  guard_.sink->Add(std::move(finding));
}

void Comparison::Compare(std::string_view input, const absl::Status& first_status, const stages::Outputs& first,
                         const absl::Status& second_status, const stages::Outputs& second) {
  if (guard_.compared != nullptr) guard_.compared->emplace(stage_);
  if (first_status != second_status) {
    Tell(input, "its status", first_status.ToString(), second_status.ToString());
    return;
  }
  // Outputs of an attempt that failed are thrown away, whatever they were.
  if (!first_status.ok()) return;
  if (auto difference = FirstDifference(first, second)) {
    Tell(input, std::move(difference->what), std::move(difference->first), std::move(difference->second),
         difference->name);
  }
}

void Comparison::CompareEffects(const PortLog& first, const PortLog& second) {
  for (const PortLog::Effect& again : second.effects) {
    const PortLog::Effect* const before = LastLike(first, again);
    // What the second call does not do any more it may have found to be done.
    if (before != nullptr && before->digest == again.digest) continue;
    if (before == nullptr && again.repeat) continue;
    Tell(again.id, "the effect on port " + again.port + " under that id",
         before == nullptr ? "none" : bus::Hex(before->digest), bus::Hex(again.digest));
    return;
  }
}

void Comparison::Forget() {
  arena_.TakeSegments(&used_);
  used_.clear();
}

absl::Status GuardedStage::Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) {
  std::exception_ptr thrown, thrown_again;
  StageCall call = comparison_.CallFor(context);
  PortLog ports, ports_again;
  const auto process = [&](stages::Outputs& into, std::exception_ptr* threw, PortLog* log) {
    if (comparison_.logs_ports()) call.ports = log;
    InStage in(&call);
    return Caught([&] { return stage_->Process(context, message, into); }, threw);
  };
  absl::Status status = process(outputs, &thrown, &ports);
  if (comparison_.Again(call)) {
    stages::Outputs second(outputs.settings(), comparison_.arena());
    second.BeginAgain(outputs);
    const absl::Status second_status = process(second, &thrown_again, &ports_again);
    comparison_.CompareEffects(ports, ports_again);
    // Ports that answer otherwise the second time are not the stage's doing, and neither is it that time has run out.
    if (!ports.refused && !ports_again.refused && !context.cancelled())
      comparison_.Compare(context.id(), status, outputs, second_status, second);
    comparison_.Forget();
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
  return status;
}

void GuardedBatchStage::Process(std::span<stages::BatchItem> batch) {
  if (batch.empty()) return stage_->Process(batch);
  std::exception_ptr thrown, thrown_again;
  StageCall call = comparison_.CallFor(batch.front().context);
  PortLog ports, ports_again;
  const auto process = [&](std::span<stages::BatchItem> items, std::exception_ptr* threw, PortLog* log) {
    if (comparison_.logs_ports()) call.ports = log;
    InStage in(&call);
    return Caught(
        [&] {
          stage_->Process(items);
          return absl::OkStatus();
        },
        threw);
  };
  // The second attempt starts from the same statuses as the first.
  std::deque<stages::Outputs> second_outputs;
  std::vector<stages::BatchItem> second;
  for (stages::BatchItem& item : comparison_.may_compare() ? batch : std::span<stages::BatchItem>()) {
    stages::Outputs& outputs = second_outputs.emplace_back(item.outputs.settings(), comparison_.arena());
    outputs.BeginAgain(item.outputs);
    second.push_back({.context = item.context, .message = item.message, .outputs = outputs, .status = item.status});
  }
  const absl::Status whole = process(batch, &thrown, &ports);
  if (comparison_.Again(call)) {
    const absl::Status whole_again = process(second, &thrown_again, &ports_again);
    comparison_.CompareEffects(ports, ports_again);
    for (size_t i = 0; i < batch.size() && !ports.refused && !ports_again.refused; ++i) {
      if (batch[i].context.cancelled()) continue;
      comparison_.Compare(batch[i].context.id(), whole.ok() ? batch[i].status : whole, batch[i].outputs,
                          whole_again.ok() ? second[i].status : whole_again, second[i].outputs);
    }
    comparison_.Forget();
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

}  // namespace millrace::sim
