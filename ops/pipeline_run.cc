#include "ops/pipeline_run.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "bus/check.h"
#include "stages/attempt_runner.h"
#include "stages/executor.h"
#include "stages/instance_setup.h"

namespace millrace::ops {
namespace {

constexpr size_t kSegmentBytes = 64 << 10;
constexpr size_t kProblemsMax = 20;
constexpr Duration kCollectorGrace = std::chrono::seconds(10);
constexpr Duration kAssignWait = std::chrono::seconds(2);
constexpr Duration kPollEvery = std::chrono::milliseconds(10);

// Stages so that each comes behind those that write to its input. Lint has seen to it that there is no cycle.
std::vector<const stages::StageSettings*> InFlowOrder(const stages::ResolvedPipeline& pipeline) {
  std::vector<const stages::StageSettings*> order;
  std::set<std::string> waiting;
  while (order.size() < pipeline.stages.size()) {
    std::set<std::string> unfinished;  // topics that a stage not yet placed writes to
    for (const stages::StageSettings& stage : pipeline.stages) {
      if (waiting.count(stage.name)) continue;
      for (const stages::OutputSpec& output : stage.outputs) {
        unfinished.insert(stage.producer_topics[static_cast<size_t>(output.topic)]);
      }
    }
    const size_t before = order.size();
    for (const stages::StageSettings& stage : pipeline.stages) {
      if (waiting.count(stage.name) || unfinished.count(stage.input)) continue;
      order.push_back(&stage);
    }
    MR_CHECK(order.size() > before) << "the stages form a cycle";
    for (size_t i = before; i < order.size(); ++i) waiting.insert(order[i]->name);
  }
  return order;
}

absl::Status Named(const std::string& where, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), where + ": " + std::string(status.message()));
}

}  // namespace

std::vector<std::string> AllStages(const stages::ResolvedPipeline& pipeline) {
  std::vector<std::string> names;
  for (const stages::StageSettings& stage : pipeline.stages) names.push_back(stage.name);
  return names;
}

PipelineRun::PipelineRun(const stages::ResolvedPipeline& pipeline, const stages::Registry& registry, bus::Bus* bus,
                         const Clock* clock, PipelineRunOptions options)
    : pipeline_(pipeline),
      registry_(registry),
      bus_(bus),
      clock_(clock),
      options_(std::move(options)),
      downstream_(InFlowOrder(pipeline)),
      spool_(options_.out_dir + RunFolder::kSpool),
      pool_(kSegmentBytes) {}

PipelineRun::~PipelineRun() = default;

bool PipelineRun::Works(const stages::StageSettings& stage) const {
  return std::find(options_.work.begin(), options_.work.end(), stage.name) != options_.work.end();
}

stages::StageConfig PipelineRun::ConfigOf(const std::string& name, const stages::Options& options) const {
  return {.name = name,
          .base_dir = options_.base_dir,
          .out_dir = options_.out_dir,
          .options = options,
          .ports = &ports_,
          .clock = clock_};
}

absl::Status PipelineRun::OpenPorts() {
  for (const stages::PortSettings& port : pipeline_.ports) {
    const stages::PortKind* kind = registry_.FindPort(port.kind);
    if (kind == nullptr) return absl::InvalidArgumentError("there is no port kind \"" + port.kind + "\"");
    absl::StatusOr<std::unique_ptr<stages::Port>> made = kind->make(ConfigOf(port.name, port.options));
    if (!made.ok()) return Named("port \"" + port.name + "\"", made.status());
    if (!ports_.Add(port.name, *std::move(made)))
      return absl::InvalidArgumentError("port \"" + port.name + "\" is there twice");
  }
  return absl::OkStatus();
}

absl::Status PipelineRun::Open(stages::Feeder::From from, std::function<bool(std::string_view)> settled) {
  if (options_.folder != nullptr) {
    collector_ = std::make_unique<Collector>(pipeline_, bus_, options_.durable, clock_);
    if (absl::Status s = collector_->Open(options_.folder->dead_letters(), options_.folder->receipts()); !s.ok())
      return s;
  }
  for (const stages::StageSettings& stage : pipeline_.stages) {
    if (!Works(stage)) continue;
    for (int32_t number = 0; number < stage.instances; ++number) {
      if (absl::Status s = MakeMember(stage, number); !s.ok()) return Named("stage \"" + stage.name + "\"", s);
    }
  }
  if (options_.folder == nullptr) return absl::OkStatus();
  for (const stages::SourceSettings& source : pipeline_.sources) {
    const std::string where = "source \"" + source.name + "\"";
    const stages::SourceKind* kind = registry_.FindSource(source.kind);
    if (kind == nullptr) return absl::InvalidArgumentError("there is no source kind \"" + source.kind + "\"");
    absl::StatusOr<std::unique_ptr<stages::Source>> made = kind->make(ConfigOf(source.name, source.options));
    if (!made.ok()) return Named(where, made.status());
    feeds_.push_back(std::make_unique<Feed>(source, *std::move(made), bus_, clock_));
    const absl::Status opened = feeds_.back()->Open(*options_.folder, from, settled);
    if (!opened.ok()) return Named(where, opened);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<stages::AttemptRunner>> PipelineRun::MakeRunner(const stages::StageSettings& stage) {
  const stages::StageKind* kind = registry_.FindStage(stage.kind);
  if (kind == nullptr) return absl::InvalidArgumentError("there is no stage kind \"" + stage.kind + "\"");
  absl::StatusOr<stages::MadeStage> made = stages::MakeStage(*kind, ConfigOf(stage.name, stage.options));
  if (!made.ok()) return made.status();
  return std::make_unique<stages::AttemptRunner>(
      stages::AttemptConfigOf(stage, *kind, bus_->capabilities().message_bytes_max), std::move(made->single),
      std::move(made->batch), &pool_, clock_);
}

absl::Status PipelineRun::MakeMember(const stages::StageSettings& stage, int32_t number) {
  // Made here and not by the instance's thread: factories are called one at a time, and what is wrong with an option
  // ends the run before it begins.
  auto runners = std::make_shared<std::vector<std::unique_ptr<stages::AttemptRunner>>>();
  for (int32_t i = 0; i < (stage.inline_execution ? 1 : stage.concurrency); ++i) {
    absl::StatusOr<std::unique_ptr<stages::AttemptRunner>> runner = MakeRunner(stage);
    if (!runner.ok()) return runner.status();
    runners->push_back(*std::move(runner));
  }
  const bool batch_stage = registry_.FindStage(stage.kind)->make_batch != nullptr;
  const std::string name =
      (options_.process.empty() ? "" : options_.process + ".") + stage.name + "-" + std::to_string(number);
  stages::InstanceConfig config;
  config.worker = stages::WorkerOptionsOf(pipeline_, stage, batch_stage, bus_->capabilities().message_bytes_max);
  config.consumer = stages::ConsumerOptionsOf(stage, name);
  config.producer = stages::ProducerOptionsOf(stage, name);
  config.make_executor = [runners, inlined = stage.inline_execution, clock = clock_](
                             stages::AttemptReporter* reporter) -> absl::StatusOr<std::unique_ptr<stages::Executor>> {
    if (inlined) return stages::MakeInlineExecutor(std::move(runners->front()), reporter);
    return stages::MakeThreadExecutor(std::move(*runners), reporter, clock);
  };
  config.spool = &spool_;
  config.gate = &gate_;
  auto member = std::make_unique<Member>();
  if (!options_.history.empty()) {
    absl::StatusOr<std::unique_ptr<sim::ProcessLog>> log =
        sim::ProcessLog::Open(options_.history + "/" + name + ".history", options_.process, stage.name,
                              stage.producer_topics, [this, name = stage.name](const absl::Status& status) {
                                const std::string where = "the history of stage \"" + name + "\"";
                                Problem(Grave::kRun, where, status);
                                if (options_.history_failed)
                                  options_.history_failed(where + ": " + std::string(status.message()));
                              });
    if (!log.ok()) return log.status();
    member->log = *std::move(log);
  }
  config.tap = member->log.get();
  config.on_trouble = [this, log = member->log.get()](const absl::Status& status) {
    if (log != nullptr) log->Trouble(clock_->Now(), status);
    Trouble(status);
  };
  config.on_not_ready = [this](const std::string& reason) {
    std::lock_guard<std::mutex> lock(mutex_);
    troubles_.Add(clock_->Now(), reason);
  };
  member->stage = &stage;
  member->instance = std::make_unique<stages::Instance>(std::move(config), bus_, clock_);
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

void PipelineRun::Start() {
  if (collector_ != nullptr) {
    collector_thread_ = std::thread([this] { Problem(Grave::kRun, "dead letters and receipts", collector_->Run()); });
  }
  for (const std::unique_ptr<Member>& member : members_) {
    member->thread = std::thread([this, &member = *member] {
      const absl::Status result = member.instance->Run();
      if (absl::IsDeadlineExceeded(result)) stuck_ = true;
      Problem(Grave::kRun, "stage \"" + member.stage->name + "\"", result);
      if (member.log != nullptr && !absl::IsDeadlineExceeded(result)) member.log->End(clock_->Now(), result);
    });
  }
  const MonotonicTime until = clock_->Now() + kAssignWait;
  while (!Assigned() && !Failed() && clock_->Now() < until) std::this_thread::sleep_for(kPollEvery);
  for (const std::unique_ptr<Feed>& feed : feeds_) {
    feed_threads_.emplace_back([this, &feed = *feed] {
      feed.Run();
      Problem(Grave::kPart, "source \"" + feed.name() + "\"", feed.result());
    });
  }
}

bool PipelineRun::Assigned() const {
  for (const stages::StageSettings& stage : pipeline_.stages) {
    if (!Works(stage)) continue;
    int32_t busy = 0;
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->stage == &stage && member->instance->Snapshot().stats.partitions > 0) ++busy;
    }
    if (busy < std::min(stage.instances, stage.input_partitions)) return false;
  }
  return true;
}

absl::StatusOr<uint64_t> PipelineRun::LagOf(const std::string& group, const std::string& topic) {
  absl::StatusOr<std::vector<bus::PartitionLag>> lags = bus_->Lag(group, topic);
  if (!lags.ok()) return lags.status();
  uint64_t sum = 0;
  for (const bus::PartitionLag& lag : *lags) sum += static_cast<uint64_t>(std::max<int64_t>(lag.lag, 0));
  return sum;
}

bool PipelineRun::Finished() { return FeedsDone() && OnBus() == 0; }

uint64_t PipelineRun::OnBus() {
  // In the direction of flow: a stage that has nothing left has its outputs confirmed, so they are seen when their
  // readers are asked.
  uint64_t sum = 0;
  const auto add = [&](const std::string& group, const std::string& topic) {
    const absl::StatusOr<uint64_t> lag = LagOf(group, topic);
    sum += lag.ok() ? *lag : 1;  // unknown is not none
  };
  for (const stages::StageSettings* stage : downstream_) add(stage->group, stage->input);
  for (const stages::TopicSettings& topic : pipeline_.topics) {
    if (topic.dead_letter || topic.receipts) add(pipeline_.ledger_group, topic.name);
  }
  return sum;
}

bool PipelineRun::FeedsDone() const {
  return std::all_of(feeds_.begin(), feeds_.end(), [](const std::unique_ptr<Feed>& feed) { return feed->done(); });
}

bool PipelineRun::Failed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return failed_;
}

void PipelineRun::StopFeeds(MonotonicTime deadline) {
  for (const std::unique_ptr<Feed>& feed : feeds_) feed->Stop(deadline);
}

void PipelineRun::Stop(MonotonicTime deadline) {
  StopFeeds(deadline);
  for (std::thread& thread : feed_threads_) thread.join();
  for (const std::unique_ptr<Member>& member : members_) member->instance->Drain(deadline);
  for (const std::unique_ptr<Member>& member : members_) member->thread.join();
  if (collector_ == nullptr) return;
  // What the workers gave up on or ended last is taken off the bus too, so that the ledger sees it where people will
  // look.
  const MonotonicTime until = clock_->Now() + kCollectorGrace;
  const auto to_collect = [this] {
    uint64_t sum = 0;
    for (const stages::TopicSettings& topic : pipeline_.topics) {
      if (topic.dead_letter || topic.receipts) sum += LagOf(pipeline_.ledger_group, topic.name).value_or(0);
    }
    return sum;
  };
  while (!Failed() && to_collect() > 0 && clock_->Now() < until) std::this_thread::sleep_for(kPollEvery);
  collector_->Stop(until);
  collector_thread_.join();
}

std::vector<StageReport> PipelineRun::Stages() const {
  std::vector<StageReport> reports;
  for (const stages::StageSettings& stage : pipeline_.stages) {
    if (!Works(stage)) continue;
    StageReport report;
    report.name = stage.name;
    report.instances = stage.instances;
    report.idle = std::max(0, stage.instances - stage.input_partitions);
    stages::Histogram latency;
    for (const std::unique_ptr<Member>& member : members_) {
      if (member->stage != &stage) continue;
      const stages::InstanceSnapshot snapshot = member->instance->Snapshot();
      report.in += snapshot.stats.in;
      report.done += snapshot.stats.done;
      report.out += snapshot.stats.out;
      report.retried += snapshot.stats.retried;
      report.dead += snapshot.stats.dead;
      latency.Merge(snapshot.stats.latency);
      for (const std::string& line : snapshot.pending) report.pending.push_back(line);
      if (!snapshot.ready) report.pending.push_back(snapshot.not_ready_reason);
    }
    report.p50_ns = latency.QuantilePermille(500);
    report.p99_ns = latency.QuantilePermille(990);
    reports.push_back(std::move(report));
  }
  return reports;
}

stages::FeederStats PipelineRun::FeedTotals() const {
  stages::FeederStats totals;
  totals.progress = 1.0;
  for (const std::unique_ptr<Feed>& feed : feeds_) {
    const stages::FeederStats stats = feed->Stats();
    totals.read += stats.read;
    totals.published += stats.published;
    totals.accepted += stats.accepted;
    totals.skipped += stats.skipped;
    totals.bytes += stats.bytes;
    if (feed->done()) continue;
    totals.progress = totals.progress.has_value() && stats.progress.has_value()
                          ? std::optional<double>(std::min(*totals.progress, *stats.progress))
                          : std::nullopt;
  }
  return totals;
}

void PipelineRun::Problem(Grave grave, const std::string& where, const absl::Status& status) {
  if (status.ok()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (grave == Grave::kRun) failed_ = true;
  problem_.Update(Named(where, status));
  problems_.push_back(where + ": " + std::string(status.message()));
  troubles_.Add(clock_->Now(), problems_.back());
}

void PipelineRun::Trouble(const absl::Status& status) {
  if (status.ok()) return;
  // The consumer of a log that says so has stopped for good (bus/memory/log_consumer.h): nobody is to wait for it.
  const bool log = bus_->capabilities().settlement == bus::Settlement::kPrefix;
  if (log && (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status)))
    return Problem(Grave::kRun, "the bus", status);
  std::lock_guard<std::mutex> lock(mutex_);
  std::string text = "the bus: " + status.ToString();
  if (absl::IsDataLoss(status) && problems_.size() < kProblemsMax) problems_.push_back(text);
  troubles_.Add(clock_->Now(), std::move(text));
}

std::vector<std::string> PipelineRun::Problems() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return problems_;
}

std::vector<std::string> PipelineRun::TakeTroubles() {
  const MonotonicTime now = clock_->Now();
  std::lock_guard<std::mutex> lock(mutex_);
  for (const std::unique_ptr<Feed>& feed : feeds_) {
    const absl::Status trouble = feed->trouble();
    if (!trouble.ok()) troubles_.Add(now, "source \"" + feed->name() + "\": " + trouble.ToString());
  }
  return troubles_.Take();
}

absl::Status PipelineRun::problem() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return problem_;
}

}  // namespace millrace::ops
