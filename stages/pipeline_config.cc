#include "stages/pipeline_config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "stages/lineage.h"

namespace millrace::stages {
namespace {

constexpr int64_t kBacklogBytesMax = 4 << 20;

// What is 0 in the file was left out there; Lint tells an explicit 0 where that cannot be.
template <typename T>
T Or(T value, T otherwise) {
  return value == 0 ? otherwise : value;
}

// A hundred years stand for anything longer, so that nanoseconds do not overflow.
Duration MillisecondsOr(int64_t value, Duration otherwise) {
  constexpr int64_t kLongest = int64_t{100} * 365 * 24 * 3600 * 1000;
  return value == 0 ? otherwise : Duration(std::chrono::milliseconds(std::min(value, kLongest)));
}

template <typename RepeatedOption>
Options OptionsOf(const RepeatedOption& options) {
  Options result;
  for (const Option& option : options) result.Add(option.key(), option.value());
  return result;
}

absl::Status Refuse(const std::string& what) {
  return absl::InvalidArgumentError(what + "; `millrace lint` explains it");
}

class Resolver {
 public:
  explicit Resolver(const Pipeline& pipeline) : pipeline_(pipeline) {}

  absl::StatusOr<ResolvedPipeline> Run() {
    result_.name = pipeline_.name();
    if (result_.name.empty()) return Refuse("the pipeline has no name");
    if (!pipeline_.bus().empty()) result_.bus = pipeline_.bus();
    result_.receipts = pipeline_.receipts();
    result_.ledger_group = result_.name + ".ledger";
    absl::Status status = AddTopics();
    for (const SourceSpec& source : pipeline_.source()) status.Update(AddSource(source));
    for (const StageSpec& stage : pipeline_.stage()) status.Update(AddStage(stage));
    for (const PortSpec& port : pipeline_.port()) {
      result_.ports.push_back({port.name(), port.kind(), OptionsOf(port.option())});
    }
    if (!status.ok()) return status;
    AddBranches();
    for (TopicSettings& topic : result_.topics) {
      if (topic.dead_letter || topic.receipts) topic.groups.push_back(result_.ledger_group);
    }
    return std::move(result_);
  }

 private:
  absl::Status AddTopics() {
    for (const Topic& topic : pipeline_.topic()) {
      if (topic.partitions() < 0 || topic.backlog_bytes_max() < 0 || topic.replication() < 0 ||
          topic.retention_ms() < 0) {
        return Refuse("topic \"" + topic.name() + "\" has a negative number");
      }
      const bool receipts = !pipeline_.receipts().empty() && topic.name() == pipeline_.receipts();
      const bool bounded = !topic.dead_letter() && !receipts;
      if (!index_.emplace(topic.name(), static_cast<int32_t>(result_.topics.size())).second) {
        return Refuse("topic \"" + topic.name() + "\" is there twice");
      }
      result_.topics.push_back({.name = topic.name(),
                                .partitions = Or(topic.partitions(), 1),
                                .ordered = !topic.unordered(),
                                .dead_letter = topic.dead_letter(),
                                .receipts = receipts,
                                .backlog_bytes_max = bounded ? Or(topic.backlog_bytes_max(), kBacklogBytesMax) : 0,
                                .replication = topic.replication(),
                                .retention_ms = topic.retention_ms(),
                                .existing = topic.existing(),
                                .routing_key = topic.routing_key(),
                                .groups = {}});
    }
    if (!pipeline_.receipts().empty() && !index_.count(pipeline_.receipts())) {
      return Refuse("receipts go to \"" + pipeline_.receipts() + "\", which is no topic of the pipeline");
    }
    return absl::OkStatus();
  }

  void AddBranches() {
    std::map<int32_t, size_t> readers, seen;
    for (const StageSettings& stage : result_.stages) ++readers[stage.input_topic];
    for (StageSettings& stage : result_.stages) {
      stage.branch = ChildShare("", seen[stage.input_topic]++, readers[stage.input_topic]);
    }
  }

  absl::StatusOr<int32_t> IndexOf(const std::string& topic, const std::string& user) const {
    auto it = index_.find(topic);
    if (it == index_.end()) return Refuse(user + " names \"" + topic + "\", which is no topic of the pipeline");
    return it->second;
  }

  absl::Status AddSource(const SourceSpec& spec) {
    absl::StatusOr<int32_t> topic = IndexOf(spec.topic(), "source \"" + spec.name() + "\"");
    if (!topic.ok()) return topic.status();
    result_.sources.push_back({.name = spec.name(),
                               .kind = spec.kind(),
                               .topic = spec.topic(),
                               .topic_index = *topic,
                               .partitions = result_.topics[*topic].partitions,
                               .source = "/" + result_.name + "/" + spec.name(),
                               .options = OptionsOf(spec.option())});
    return absl::OkStatus();
  }

  // An output of `stage` to `topic`, which its producer opens too.
  absl::StatusOr<OutputSpec> Wire(std::string name, const std::string& topic, StageSettings& stage) const {
    absl::StatusOr<int32_t> index = IndexOf(topic, "stage \"" + stage.name + "\"");
    if (!index.ok()) return index.status();
    auto& opened = stage.producer_topics;
    auto at = std::find(opened.begin(), opened.end(), topic);
    const int32_t position = static_cast<int32_t>(at - opened.begin());
    if (at == opened.end()) opened.push_back(topic);
    return OutputSpec{std::move(name), position, result_.topics[*index].partitions};
  }

  absl::Status WireAll(const StageSpec& spec, StageSettings& stage) const {
    for (const OutputSpecProto& output : spec.output()) {
      absl::StatusOr<OutputSpec> wired = Wire(output.name(), output.topic(), stage);
      if (!wired.ok()) return wired.status();
      stage.outputs.push_back(*std::move(wired));
    }
    absl::StatusOr<OutputSpec> dead = Wire("", spec.dead_letter(), stage);
    if (!dead.ok()) return dead.status();
    stage.dead_letter = *std::move(dead);
    if (result_.receipts.empty()) return absl::OkStatus();
    absl::StatusOr<OutputSpec> receipts = Wire("", result_.receipts, stage);
    if (!receipts.ok()) return receipts.status();
    stage.receipts = *std::move(receipts);
    return absl::OkStatus();
  }

  absl::Status AddStage(const StageSpec& spec) {
    absl::StatusOr<int32_t> input = IndexOf(spec.input(), "stage \"" + spec.name() + "\"");
    if (!input.ok()) return input.status();
    const Retry& retry = spec.retry();
    for (int64_t number : {int64_t{spec.instances()}, int64_t{spec.concurrency()}, int64_t{spec.batch()},
                           int64_t{spec.window().messages()}, spec.window().bytes(), int64_t{retry.attempts_max()},
                           retry.backoff_ms_initial(), retry.backoff_ms_max(), int64_t{retry.multiplier()},
                           int64_t{retry.suspect_after_starts()}, int64_t{retry.deaths_max()},
                           spec.attempt_timeout_ms(), spec.timeout_grace_ms()}) {
      if (number < 0) return Refuse("stage \"" + spec.name() + "\" has a negative number");
    }
    const StageSettings defaults;
    StageSettings stage;
    stage.name = spec.name();
    stage.kind = spec.kind();
    stage.group = spec.group().empty() ? result_.name + "." + spec.name() : spec.group();
    stage.input = spec.input();
    stage.input_topic = *input;
    stage.input_partitions = result_.topics[*input].partitions;
    stage.source = "/" + result_.name + "/" + spec.name();
    if (absl::Status status = WireAll(spec, stage); !status.ok()) return status;
    stage.instances = Or(spec.instances(), defaults.instances);
    stage.concurrency = Or(spec.concurrency(), defaults.concurrency);
    stage.inline_execution = spec.execution() == StageSpec::INLINE;
    stage.batch = Or(spec.batch(), defaults.batch);
    stage.window_messages = Or(spec.window().messages(), defaults.window_messages);
    stage.window_bytes = Or(spec.window().bytes(), defaults.window_bytes);
    stage.retry = {.attempts_max = Or(retry.attempts_max(), defaults.retry.attempts_max),
                   .backoff_initial = MillisecondsOr(retry.backoff_ms_initial(), defaults.retry.backoff_initial),
                   .backoff_max = MillisecondsOr(retry.backoff_ms_max(), defaults.retry.backoff_max),
                   .multiplier = Or(retry.multiplier(), defaults.retry.multiplier),
                   .suspect_after_starts = Or(retry.suspect_after_starts(), defaults.retry.suspect_after_starts),
                   .deaths_max = Or(retry.deaths_max(), defaults.retry.deaths_max)};
    stage.attempt_timeout = MillisecondsOr(spec.attempt_timeout_ms(), defaults.attempt_timeout);
    stage.timeout_grace = MillisecondsOr(spec.timeout_grace_ms(), defaults.timeout_grace);
    stage.park_key = spec.after_dead_letter() == StageSpec::PARK_KEY;
    stage.strict = spec.ordering() == StageSpec::STRICT;
    stage.exactly_once = spec.delivery() == StageSpec::EXACTLY_ONCE;
    stage.options = OptionsOf(spec.option());
    result_.topics[*input].groups.push_back(stage.group);
    result_.stages.push_back(std::move(stage));
    return absl::OkStatus();
  }

  const Pipeline& pipeline_;
  ResolvedPipeline result_;
  std::map<std::string, int32_t, std::less<>> index_;
};

}  // namespace

bus::Topology TopologyOf(const ResolvedPipeline& pipeline) {
  bus::Topology topology;
  for (const TopicSettings& topic : pipeline.topics) {
    topology.topics.push_back({.name = topic.name,
                               .partitions = topic.partitions,
                               .ordered = topic.ordered,
                               .groups = topic.groups,
                               .backlog_bytes_max = static_cast<size_t>(topic.backlog_bytes_max),
                               .keep = topic.dead_letter || topic.receipts,
                               .replication = topic.replication,
                               .retention_ms = topic.retention_ms,
                               .existing = topic.existing,
                               .routing_key = topic.routing_key});
  }
  return topology;
}

absl::StatusOr<ResolvedPipeline> Resolve(const Pipeline& pipeline) { return Resolver(pipeline).Run(); }

std::string_view SchemeOf(std::string_view url) { return url.substr(0, url.find(':')); }

}  // namespace millrace::stages
