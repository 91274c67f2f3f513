#include "sim/guard/stage_guard.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <optional>
#include <utility>

namespace millrace::sim {
namespace {

constexpr size_t kSegmentBytes = 16 << 10;
constexpr size_t kShownBytes = 48;  // of a value, around the difference

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

// The bytes around `at`, with what is no printable ASCII as \xHH.
std::string Shown(std::string_view bytes, size_t at) {
  const size_t from = at > kShownBytes / 2 ? at - kShownBytes / 2 : 0;
  std::string text = from > 0 ? "…" : "";
  for (char c : bytes.substr(std::min(from, bytes.size()), kShownBytes)) {
    if (c >= ' ' && c <= '~') {
      text.push_back(c);
      continue;
    }
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
  }
  if (from + kShownBytes < bytes.size()) text.append("…");
  return "\"" + text + "\" (" + std::to_string(bytes.size()) + " bytes)";
}

struct Difference {
  std::string what, first, second;
  std::string name;  // of the output, where it has one
};

std::optional<Difference> Differ(std::string what, std::optional<std::string_view> first,
                                 std::optional<std::string_view> second) {
  if (first == second) return std::nullopt;
  size_t at = 0;
  if (first.has_value() && second.has_value()) {
    const size_t common = std::min(first->size(), second->size());
    while (at < common && (*first)[at] == (*second)[at]) ++at;
  }
  return Difference{.what = std::move(what),
                    .first = first.has_value() ? Shown(*first, at) : "none",
                    .second = second.has_value() ? Shown(*second, at) : "none"};
}

std::optional<Difference> FirstDifference(const stages::Outputs& first, const stages::Outputs& second) {
  for (size_t i = 0; i < std::min(first.emitted(), second.emitted()); ++i) {
    const stages::Emission a = first.Emitted(i), b = second.Emitted(i);
    const std::pair<const char*, std::pair<std::optional<std::string_view>, std::optional<std::string_view>>> parts[] =
        {{"the destination", {a.to, b.to}},
         {"the name", {a.name, b.name}},
         {"the key", {a.key, b.key}},
         {"the type", {a.type, b.type}},
         {"the content type", {a.content_type, b.content_type}},
         {"the subject", {a.subject, b.subject}},
         {"the headers", {a.headers.block(), b.headers.block()}},
         {"the body", {a.body, b.body}}};
    for (const auto& [part, values] : parts) {
      if (values.first == values.second) continue;
      const std::string what = std::string(part) + " of output " + std::to_string(i) + " to " + std::string(a.to);
      auto found = Differ(what, values.first, values.second);
      found->name = a.name;
      return found;
    }
  }
  if (first.emitted() != second.emitted()) {
    return Difference{.what = "the number of outputs",
                      .first = std::to_string(first.emitted()),
                      .second = std::to_string(second.emitted())};
  }
  return Differ("the reason for emitting nothing", first.drop_reason(), second.drop_reason());
}

}  // namespace

Comparison::Comparison(std::string stage, bool uses_ports, const GuardContext& guard)
    : stage_(std::move(stage)), uses_ports_(uses_ports), guard_(guard), pool_(kSegmentBytes), arena_(&pool_) {}

bool Comparison::Again(const StageCall& first) {
  if (!guard_.twice) return false;
  if (!uses_ports_ && first.port_calls == 0) return true;
  if (!std::exchange(told_, true)) {
    guard_.sink->NotCheckable(stage_,
                              "whether it is deterministic: it uses ports, and a second call would repeat effects");
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

void Comparison::Forget() {
  arena_.TakeSegments(&used_);
  used_.clear();
}

absl::Status GuardedStage::Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) {
  std::exception_ptr thrown, thrown_again;
  StageCall call = comparison_.CallFor(context);
  const auto process = [&](stages::Outputs& into, std::exception_ptr* threw) {
    InStage in(&call);
    return Caught([&] { return stage_->Process(context, message, into); }, threw);
  };
  absl::Status status = process(outputs, &thrown);
  if (comparison_.Again(call)) {
    stages::Outputs second(outputs.settings(), comparison_.arena());
    second.BeginAgain(outputs);
    const absl::Status second_status = process(second, &thrown_again);
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
  const auto process = [&](std::span<stages::BatchItem> items, std::exception_ptr* threw) {
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
  const absl::Status whole = process(batch, &thrown);
  if (comparison_.Again(call)) {
    const absl::Status whole_again = process(second, &thrown_again);
    for (size_t i = 0; i < batch.size(); ++i) {
      comparison_.Compare(batch[i].context.id(), whole.ok() ? batch[i].status : whole, batch[i].outputs,
                          whole_again.ok() ? second[i].status : whole_again, second[i].outputs);
    }
    comparison_.Forget();
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

stages::StageKind Guarded(stages::StageKind kind, const GuardContext& guard) {
  const bool uses_ports = !kind.ports.empty();
  if (kind.make) {
    kind.make = [make = std::move(kind.make), uses_ports,
                 guard](const stages::StageConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
      absl::StatusOr<std::unique_ptr<stages::Stage>> made = make(config);
      if (!made.ok()) return made.status();
      return std::make_unique<GuardedStage>(config.name, std::move(*made), uses_ports, guard);
    };
  }
  if (kind.make_batch) {
    kind.make_batch = [make = std::move(kind.make_batch), uses_ports, guard](
                          const stages::StageConfig& config) -> absl::StatusOr<std::unique_ptr<stages::BatchStage>> {
      absl::StatusOr<std::unique_ptr<stages::BatchStage>> made = make(config);
      if (!made.ok()) return made.status();
      return std::make_unique<GuardedBatchStage>(config.name, std::move(*made), uses_ports, guard);
    };
  }
  return kind;
}

}  // namespace millrace::sim
