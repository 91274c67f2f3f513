#include "sim/coverage_estimate.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace millrace::sim {
namespace {

// A message of less fits into its dead letter: the limit of a message, less what a dead letter adds to it
// (stages/worker_dead_letter.cc), and a little.
constexpr uint64_t kLargeFrom = 980'000;

// Whether stages write to the topic, so that what lies there is more than inputs.
bool Written(const Topology& topology, uint16_t topic) {
  return std::any_of(topology.stages.begin(), topology.stages.end(), [&](const StageInfo& stage) {
    return stage.dead_letter == topic ||
           std::find(stage.outputs.begin(), stage.outputs.end(), topic) != stage.outputs.end();
  });
}

uint64_t JobsMost(const DrawFacts& facts) { return std::min<uint64_t>(facts.jobs_max, facts.inputs.count); }

// What all jobs of a run bring to a stage at most; nothing: not known.
std::optional<Amount> LoadOf(const StageInfo& stage, const DrawFacts& facts, const Growth& growth) {
  if (Written(*facts.topology, stage.input)) {
    if (growth.empty()) return std::nullopt;
    return growth.Most(stage.input, JobsMost(facts), facts.inputs.count);
  }
  if (facts.input_bytes.empty()) return std::nullopt;
  std::vector<Amount> inputs;
  for (const uint64_t bytes : facts.input_bytes) inputs.push_back({.messages = 1, .bytes = bytes});
  return MostOf(std::move(inputs), JobsMost(facts), facts.inputs.count);
}

// … and what of it can lie there at a time. A log takes no more than the topic's backlog; simulated queues have no bound.
std::optional<Amount> HeapOf(const StageInfo& stage, const DrawFacts& facts, const Growth& growth) {
  std::optional<Amount> heap = LoadOf(stage, facts, growth);
  const uint64_t most = facts.topology->topics[stage.input].backlog_bytes;
  if (heap.has_value() && facts.semantics == Semantics::kLog && most > 0) heap->bytes = std::min(heap->bytes, most);
  return heap;
}

// The largest message that a stage reads; nothing: not known.
std::optional<Growth::Largest> LargestFor(const StageInfo& stage, const DrawFacts& facts, const Growth& growth) {
  if (Written(*facts.topology, stage.input)) {
    if (growth.empty()) return std::nullopt;
    return growth.LargestOn(stage.input);
  }
  const auto largest = std::max_element(facts.input_bytes.begin(), facts.input_bytes.end());
  if (largest == facts.input_bytes.end()) return std::nullopt;
  return Growth::Largest{.bytes = *largest, .input = static_cast<uint32_t>(largest - facts.input_bytes.begin())};
}

}  // namespace

bool WindowsAreNeverFull(const DrawFacts& facts, const Growth& growth) {
  const std::vector<StageInfo>& stages = facts.topology->stages;
  return std::all_of(stages.begin(), stages.end(), [&](const StageInfo& stage) {
    const std::optional<Amount> heap = HeapOf(stage, facts, growth);
    return heap.has_value() && heap->messages < stage.window && heap->bytes < stage.window_bytes;
  });
}

bool BodiesAreNeverLarge(const DrawFacts& facts, const Growth& growth) {
  const std::vector<StageInfo>& stages = facts.topology->stages;
  return std::all_of(stages.begin(), stages.end(), [&](const StageInfo& stage) {
    if (stage.dead_letter == kNoTopic) return true;
    const std::optional<Growth::Largest> largest = LargestFor(stage, facts, growth);
    return largest.has_value() && largest->bytes < kLargeFrom;
  });
}

uint16_t StageWithTheFullestWindow(const DrawFacts& facts, const Growth& growth) {
  constexpr uint64_t kWhole = 1000;
  uint16_t fullest = 0;
  uint64_t most = 0;
  const std::vector<StageInfo>& stages = facts.topology->stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    const std::optional<Amount> heap = HeapOf(stages[i], facts, growth);
    if (!heap.has_value()) continue;
    const uint64_t messages = heap->messages * kWhole / std::max<uint64_t>(stages[i].window, 1);
    const uint64_t bytes = heap->bytes * kWhole / std::max<uint64_t>(stages[i].window_bytes, 1);
    if (std::max(messages, bytes) <= most) continue;
    most = std::max(messages, bytes);
    fullest = static_cast<uint16_t>(i);
  }
  return fullest;
}

LargeBody WhereABodyIsLarge(const DrawFacts& facts, const Growth& growth) {
  const std::vector<StageInfo>& stages = facts.topology->stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    const std::optional<Growth::Largest> largest = LargestFor(stages[i], facts, growth);
    if (stages[i].dead_letter == kNoTopic || !largest.has_value() || largest->bytes < kLargeFrom) continue;
    return {.stage = static_cast<uint16_t>(i), .input = largest->input};
  }
  return {.stage = 0, .input = facts.inputs.largest};
}

}  // namespace millrace::sim
