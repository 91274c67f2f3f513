#include "sim/attempts.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {
namespace {

// A stage that swallows the errors of a dead process's port calls and tries for ever is left behind on its stack.
constexpr int kLastWords = 10'000;

}  // namespace

Attempts::Attempts(World& world, Member& member, std::vector<std::unique_ptr<stages::AttemptRunner>> runners,
                   bool on_fibers, stages::AttemptReporter* reporter)
    : world_(world),
      member_(member),
      runners_(std::move(runners)),
      runner_busy_(runners_.size(), false),
      on_fibers_(on_fibers),
      reporter_(reporter) {}

int64_t Attempts::ServiceOf(const Run& run, uint32_t item) const {
  const Timing& timing = world_.plan().timing;
  const uint32_t message = run.messages[item];
  const uint64_t who = message == kNoMessage ? 0 : world_.recorder().message(message).id.low;
  int64_t ns =
      timing.service_min_ns +
      static_cast<int64_t>(world_.random().Below(
          kServiceDraw, {who, member_.stage, run.group->items[item].attempt, member_.slot, member_.incarnation},
          static_cast<uint64_t>(timing.service_max_ns - timing.service_min_ns) + 1));
  if (World::Behaviour* slow =
          world_.BehaviourOf(member_.stage, world_.recorder().JobOf(message), Misbehaviour::kSlow)) {
    ns += slow->duration_ns;
    if (!slow->always) --slow->amount;
    world_.Strikes(slow->fault);
  }
  return ns;
}

int64_t Attempts::Serve(Run& run, uint32_t to) {
  int64_t service = 0;
  for (auto i = static_cast<uint32_t>(run.began.size()); i < to; ++i) {
    run.began.push_back(world_.now_ns() + service);
    service += ServiceOf(run, i);
  }
  return service;
}

void Attempts::Dispatch(stages::AttemptGroup* group) {
  if (member_.dead) return;
  uint64_t index = 0;
  while (index < runs_.size() && !runs_[index]->free) ++index;
  if (index == runs_.size()) runs_.push_back(std::make_unique<Run>());
  Run& run = *runs_[index];
  run.group = group;
  run.messages.clear();
  for (const stages::AttemptItem& item : group->items)
    run.messages.push_back(
        member_.MessageAt(static_cast<uint32_t>(item.holding.partition.number), item.delivery.sequence));
  if (!world_.Begin(member_, ActionKind::kDispatch, run.messages)) return;
  world_.Moves();
  struct Record record = world_.RecordOf(Kind::kDispatch, member_);
  record.topic = world_.subject().topology().stages[member_.stage].input;
  for (size_t i = 0; i < group->items.size(); ++i) {
    const stages::AttemptItem& item = group->items[i];
    record.partition = static_cast<uint16_t>(item.holding.partition.number);
    record.epoch = item.holding.epoch;
    record.sequence = item.delivery.sequence;
    record.message = run.messages[i];
    record.attempt = item.attempt;
    world_.Record(record);
  }
  run.free = false;
  run.ran = false;
  run.told = 0;
  run.call = kNobody;
  ++busy_;
  run.runner = static_cast<size_t>(std::find(runner_busy_.begin(), runner_busy_.end(), false) - runner_busy_.begin());
  runner_busy_[run.runner] = true;
  // Results come in one piece or in two, as executors may do.
  const auto count = static_cast<uint32_t>(group->items.size());
  run.piece = count;
  if (!on_fibers_ && count > 1) {
    run.piece = 1 + static_cast<uint32_t>(world_.random().Below(
                        kPieceDraw, {member_.slot, member_.incarnation, member_.stage, group->id}, count));
  }
  run.began.clear();
  const int64_t service = Serve(run, run.piece);
  world_.Schedule(world_.now_ns() + service, What::kAttempt, member_.index, index);
  world_.End(member_, ActionKind::kDispatch);
}

void Attempts::Execute(uint64_t index) {
  Run& run = *runs_[index];
  runners_[run.runner]->Run(run.group, &collector_);
  run.ran = true;
}

void Attempts::Due(uint64_t index) {
  Run& run = *runs_[index];
  if (on_fibers_) {
    run.call = world_.AddFiberCall(member_, index, /*closing=*/false);
    world_.StartFiber(run.call, [this, index] { Execute(index); });
    return;  // goes on in Ended, now or later
  }
  if (!run.ran) Execute(index);
  if (member_.dead) return;
  const auto count = static_cast<uint32_t>(run.group->items.size());
  if (run.told == 0 && run.piece < count) {
    Tell(index, run.piece);
    const int64_t service = Serve(run, count);
    world_.Schedule(world_.now_ns() + service, What::kAttempt, member_.index, index);
    return;
  }
  Tell(index, count);
}

void Attempts::Ended(uint64_t index) {
  Run& run = *runs_[index];
  run.call = kNobody;
  if (!member_.dead) Tell(index, static_cast<uint32_t>(run.group->items.size()));
}

void Attempts::Tell(uint64_t index, uint32_t to) {
  Run& run = *runs_[index];
  stages::AttemptGroup& group = *run.group;
  struct Record record = world_.RecordOf(Kind::kAttempt, member_);
  struct Record output = world_.RecordOf(Kind::kOutput, member_);
  record.topic = world_.subject().topology().stages[member_.stage].input;
  for (uint32_t i = run.told; i < to; ++i) {
    const stages::AttemptItem& item = group.items[i];
    const stages::AttemptResult& result = group.results[i];
    record.partition = static_cast<uint16_t>(item.holding.partition.number);
    record.epoch = item.holding.epoch;
    record.sequence = item.delivery.sequence;
    record.message = run.messages[i];
    record.attempt = item.attempt;
    record.flags = result.skipped ? kSkipped : 0;
    record.value = result.skipped ? 0 : static_cast<uint64_t>(result.status.code());
    record.count = result.skipped || !result.status.ok() ? 0 : static_cast<uint32_t>(result.outputs.size());
    world_.Record(record);
    if (record.count == 0) continue;
    output.value = run.messages[i];
    for (uint32_t o = 0; o < record.count; ++o) {
      output.topic = world_.subject().ProducerTopic(member_.stage, result.outputs[o].topic);
      output.message = world_.recorder().Intern(output.topic, result.outputs[o].message);
      output.attempt = o;
      member_.made.push({result.outputs[o].message.headers.block().data(), output.message});
      output.flags = world_.recorder().message(output.message).role == MessageRole::kReceipt ? kReceipt : 0;
      world_.Record(output);
    }
  }
  for (const bus::SegmentRef& segment : group.output_segments) {
    if (member_.made_in.empty() || member_.made_in.back() != segment) member_.made_in.push_back(segment);
  }
  const uint32_t from = run.told;
  run.told = to;
  if (to == group.items.size()) {
    runner_busy_[run.runner] = false;
    run.free = true;
    --busy_;
  }
  reporter_->Report(&group, from, to);
}

stages::AttemptProgress::Reading Attempts::Progress(const stages::AttemptGroup& group) const {
  const auto at = std::find_if(runs_.begin(), runs_.end(),
                               [&group](const auto& run) { return !run->free && run->group == &group; });
  if (at == runs_.end()) return {};
  const Run& run = **at;
  if (run.call != kNobody) return group.progress.Read();
  uint32_t item = run.told;
  if (runners_[run.runner]->batches())
    return {.from = item, .to = static_cast<uint32_t>(group.items.size()), .since = {run.began[item]}};
  while (item + 1 < run.began.size() && run.began[item + 1] <= world_.now_ns()) ++item;
  return {.from = item, .to = item + 1, .since = {run.began[item]}};
}

std::span<const uint32_t> Attempts::AtWork(uint64_t index) const {
  const Run& run = *runs_[index];
  const stages::AttemptProgress::Reading at = run.group->progress.Read();
  return std::span(run.messages).subspan(at.from, at.to - at.from);
}

absl::Status Attempts::Stop(MonotonicTime deadline) {
  while (busy_ > 0 && !member_.dead && world_.Now() < deadline) {
    world_.SleepInFiber(std::max<int64_t>(deadline.ns - world_.Now().ns, 1));
  }
  if (busy_ > 0 && !member_.dead) {
    // The operator's patience is at its end.
    world_.CrashMember(member_);
  }
  return busy_ == 0 ? absl::OkStatus() : absl::DeadlineExceededError("an attempt has not returned");
}

void Attempts::Bury() {
  for (std::unique_ptr<Run>& run : runs_) {
    if (run->free || run->call == kNobody) continue;
    for (int i = 0; i < kLastWords && run->call != kNobody; ++i) world_.ResumeFiber(run->call);
  }
}

bool Attempts::abandoned() const {
  return std::any_of(runs_.begin(), runs_.end(), [](const auto& run) { return run->call != kNobody; });
}

}  // namespace millrace::sim
