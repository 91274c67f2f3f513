#include "stages/attempt_runner.h"

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "bus/check.h"
#include "bus/envelope.h"
#include "stages/message_id.h"

namespace millrace::stages {
namespace {

constexpr Duration kReportEvery = std::chrono::milliseconds(1);

// Runs `call` and turns what it throws into a failure of the attempt.
template <class Call>
absl::Status Guarded(const Call& call) {
  try {
    return call();
  } catch (const std::exception& e) {
    return absl::UnknownError(std::string("the stage threw: ") + e.what());
  } catch (...) {
    return absl::UnknownError("the stage threw something that is no std::exception");
  }
}

}  // namespace

struct AttemptRunner::Item {
  Item(const OutputSettings& settings, OutputArena& arena) : outputs(settings, arena) {}
  bus::Envelope envelope;
  std::string place_id;
  std::string share;
  Context::Input input;
  std::optional<Context> context;
  Outputs outputs;
};

AttemptRunner::AttemptRunner(Config config, std::unique_ptr<Stage> stage, std::unique_ptr<BatchStage> batch_stage,
                             bus::SegmentPool* pool, const Clock* clock)
    : config_(std::move(config)),
      random_(config_.salt),
      stage_(std::move(stage)),
      batch_stage_(std::move(batch_stage)),
      clock_(clock),
      arena_(pool) {
  MR_CHECK((stage_ == nullptr) != (batch_stage_ == nullptr)) << "a stage or a batch stage";
}

AttemptRunner::~AttemptRunner() = default;

void AttemptRunner::Begin(AttemptGroup* group, uint32_t index, Item* item) {
  const AttemptItem& attempt = group->items[index];
  const bus::Message& message = attempt.delivery.message;
  item->envelope = bus::ReadEnvelope(message.headers);
  if (item->envelope.id.empty()) {
    item->place_id = PlaceId(config_.inputs[static_cast<size_t>(attempt.holding.partition.topic)], attempt.holding,
                             attempt.delivery);
    item->envelope.id = item->place_id;
  }
  if (!config_.branch.empty()) {
    item->share.assign(item->envelope.share).append(config_.branch);
    item->envelope.share = item->share;
  }
  item->input = {.id = item->envelope.id,
                 .root = item->envelope.root.empty() ? item->envelope.id : item->envelope.root,
                 .share = item->envelope.share,
                 .attempt = attempt.attempt,
                 .epoch = attempt.holding.epoch};
  const uint64_t key =
      Random::Mix(attempt.delivery.sequence ^ static_cast<uint64_t>(attempt.holding.partition.number) << 48);
  item->context.emplace(item->input, *clock_, random_, key, &group->results[index].cancelled);
  item->outputs.Begin(message, item->envelope, item->envelope.id);
}

void AttemptRunner::End(AttemptGroup* group, uint32_t index, Item* item, absl::Status status) {
  AttemptResult& result = group->results[index];
  if (status.ok()) status = item->outputs.Finish(&result.outputs);
  result.status = std::move(status);
}

void AttemptRunner::Run(AttemptGroup* group, AttemptReporter* reporter) {
  uint32_t reported = 0;
  if (stage_ != nullptr) {
    RunEach(group, reporter, &reported);
  } else {
    RunBatch(group);
  }
  arena_.TakeSegments(&group->output_segments);
  reporter->Report(group, reported, static_cast<uint32_t>(group->items.size()));
}

void AttemptRunner::RunEach(AttemptGroup* group, AttemptReporter* reporter, uint32_t* reported) {
  if (items_.empty()) items_.push_back(std::make_unique<Item>(config_.outputs, arena_));
  Item& item = *items_.front();
  const auto count = static_cast<uint32_t>(group->items.size());
  MonotonicTime now = clock_->Now();
  MonotonicTime last = now;
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t before = group->items[i].predecessor;
    if (before >= 0) {
      const AttemptResult& predecessor = group->results[static_cast<size_t>(before)];
      if (predecessor.skipped || !predecessor.status.ok()) {
        group->results[i].skipped = true;
        continue;
      }
    }
    Begin(group, i, &item);
    group->progress.Begin(i, i + 1, now);
    End(group, i, &item,
        Guarded([&] { return stage_->Process(*item.context, group->items[i].delivery.message, item.outputs); }));
    // The last item is reported by Run, after the group has its segments.
    if (i + 1 == count) return;
    now = clock_->Now();
    if (now - last >= kReportEvery) {
      reporter->Report(group, *reported, i + 1);
      *reported = i + 1;
      last = now;
    }
  }
}

void AttemptRunner::RunBatch(AttemptGroup* group) {
  const auto count = static_cast<uint32_t>(group->items.size());
  while (items_.size() < count) items_.push_back(std::make_unique<Item>(config_.outputs, arena_));
  if (RunTogether(group, 0, count) || count == 1) return;
  // Somebody in the batch made it throw, and nobody can tell who: each is tried by itself, so that an attempt counts only
  // against whoever it is. If it has run out of time before, the worker does that.
  if (group->results[0].cancelled.load(std::memory_order_relaxed)) return;
  for (uint32_t i = 0; i < count; ++i) RunTogether(group, i, i + 1);
}

bool AttemptRunner::RunTogether(AttemptGroup* group, uint32_t from, uint32_t to) {
  batch_.clear();
  for (uint32_t i = from; i < to; ++i) {
    Begin(group, i, items_[i].get());
    batch_.push_back({.context = *items_[i]->context,
                      .message = group->items[i].delivery.message,
                      .outputs = items_[i]->outputs,
                      .status = absl::InternalError("the stage gave this message no status")});
  }
  group->progress.Begin(from, to, clock_->Now());
  const absl::Status thrown = Guarded([&] {
    batch_stage_->Process(std::span<BatchItem>(batch_));
    return absl::OkStatus();
  });
  for (uint32_t i = from; i < to; ++i)
    End(group, i, items_[i].get(), thrown.ok() ? std::move(batch_[i - from].status) : thrown);
  return thrown.ok();
}

}  // namespace millrace::stages
