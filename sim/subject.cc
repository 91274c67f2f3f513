#include "sim/subject.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "nlohmann/json.hpp"
#include "sim/feed_order.h"
#include "sim/message_content.h"
#include "stages/pipeline_config.h"
#include "stages/receipts.h"
#include "stages/source.h"

namespace millrace::sim {
namespace {

constexpr int64_t kPartitionsMax = UINT16_MAX;  // Record::partition

absl::StatusOr<uint16_t> TopicIndex(const stages::ResolvedPipeline& pipeline, const std::string& name) {
  for (size_t i = 0; i < pipeline.topics.size(); ++i) {
    if (pipeline.topics[i].name == name) return static_cast<uint16_t>(i);
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no topic \"", name, "\""));
}

// Of a stage's output number o (index into StageSettings::producer_topics).
absl::StatusOr<std::vector<uint16_t>> ProducerTopicsOf(const stages::ResolvedPipeline& pipeline,
                                                       const stages::StageSettings& stage) {
  std::vector<uint16_t> topics;
  for (const std::string& name : stage.producer_topics) {
    absl::StatusOr<uint16_t> index = TopicIndex(pipeline, name);
    if (!index.ok()) return index.status();
    topics.push_back(*index);
  }
  return topics;
}

std::string HeadersOf(const stages::SourceRecord& record, std::string_view source) {
  std::string block;
  bus::HeaderBuilder headers(&block);
  bus::WriteEnvelope({.specversion = "1.0",
                      .id = record.id,
                      .source = source,
                      .type = record.type,
                      .subject = record.subject,
                      .content_type = record.content_type},
                     headers);
  headers.AddAll(record.headers);
  return block;
}

InputDigests DigestsOf(const Input& input, const TopicInfo& topic) {
  const bus::Message message = input.message();
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  InputDigests facts;
  facts.id = bus::DigestOf(envelope.id);
  facts.name = bus::Digest64(envelope.id);
  facts.content = ContentOf(envelope.type, message);
  facts.key = bus::Digest64(message.key.value_or(""));
  facts.partition = FeedPartition(message, facts.id, topic.partitions);
  facts.share = std::string(envelope.share);
  facts.plain =
      !topic.dead_letter && envelope.type != stages::kReceiptType && envelope.root.empty() && envelope.id == input.id;
  return facts;
}

// The next version of a stage finds the same pipeline: its own topics and ports are for another file.
absl::Status CheckNext(const stages::StageSettings& stage, const stages::StageKind& now, const stages::StageKind& next,
                       const stages::ResolvedPipeline& pipeline) {
  const auto bad = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat("the next version of stage \"", stage.name, "\" ", why));
  };
  if (next.sink != now.sink)
    return bad(next.sink ? "is a sink, and this one is none: what is a job's end must stay so"
                         : "is no sink, and this one is: what is a job's end must stay so");
  for (const std::string& port : next.ports) {
    const bool there = std::any_of(pipeline.ports.begin(), pipeline.ports.end(),
                                   [&](const stages::PortSettings& p) { return p.name == port; });
    if (!there) return bad(absl::StrCat("asks for port \"", port, "\"; declare it in the pipeline"));
  }
  const bool unnamed = stage.outputs.size() == 1 && next.outputs.size() == 1;
  for (const std::string& output : next.outputs) {
    const bool there = std::any_of(stage.outputs.begin(), stage.outputs.end(), [&](const stages::OutputSpec& o) {
      return o.name == output || (unnamed && o.name.empty());
    });
    if (!there) return bad(absl::StrCat("emits to \"", output, "\"; wire it in the pipeline"));
  }
  return absl::OkStatus();
}

// Keeps every step-th record; when it has twice what is wanted it forgets every second one and doubles the step, so that
// what stays is spread evenly however long the input turns out to be.
class SpreadSink final : public stages::SourceSink {
 public:
  SpreadSink(size_t most, uint16_t topic, std::string source)
      : most_(most), topic_(topic), source_(std::move(source)) {}

  void Add(const stages::SourceRecord& record) override {
    position_.assign(record.position);
    if (seen_++ % step_ != 0) return;
    Input input{.topic = topic_,
                .id = std::string(record.id),
                .key = std::nullopt,
                .body = std::string(record.body),
                .headers = {}};
    if (record.key.has_value()) input.key = std::string(*record.key);
    input.headers = HeadersOf(record, source_);
    kept_.push_back(std::move(input));
    if (kept_.size() < 2 * most_) return;
    for (size_t i = 1; i < most_; ++i) kept_[i] = std::move(kept_[2 * i]);
    kept_.resize(most_);
    step_ *= 2;
  }
  size_t seen() const { return seen_; }
  std::vector<Input> Take() {
    if (kept_.size() > most_) kept_.resize(most_);
    return std::move(kept_);
  }

 private:
  const size_t most_;
  const uint16_t topic_;
  const std::string source_;
  size_t seen_ = 0;
  size_t step_ = 1;
  std::string position_;
  std::vector<Input> kept_;
};

}  // namespace

absl::StatusOr<Topology> HistoryTopologyOf(const stages::ResolvedPipeline& pipeline, const stages::Registry& registry) {
  Topology topology;
  for (const stages::PortSettings& port : pipeline.ports) topology.ports.push_back(port.name);
  for (const stages::TopicSettings& topic : pipeline.topics) {
    if (topic.partitions > kPartitionsMax) {
      return absl::InvalidArgumentError(absl::StrCat("topic \"", topic.name, "\" has ", topic.partitions,
                                                     " partitions, and a history tells at most ", kPartitionsMax,
                                                     " apart; simulate it with fewer, by --partitions"));
    }
    topology.topics.push_back({.name = topic.name,
                               .partitions = static_cast<uint16_t>(topic.partitions),
                               .ordered = topic.ordered,
                               .dead_letter = topic.dead_letter,
                               .receipts = topic.receipts,
                               .backlog_bytes = static_cast<uint64_t>(topic.backlog_bytes_max),
                               .readers = {}});
  }
  for (const stages::StageSettings& stage : pipeline.stages) {
    const stages::StageKind* kind = registry.FindStage(stage.kind);
    if (kind == nullptr) return absl::InvalidArgumentError(absl::StrCat("there is no stage kind \"", stage.kind, "\""));
    StageInfo info{.name = stage.name,
                   .group = stage.group,
                   .input = static_cast<uint16_t>(stage.input_topic),
                   .dead_letter = kNoTopic,
                   .outputs = {},
                   .sink = kind->sink,
                   .strict = stage.strict,
                   .park_key = stage.park_key,
                   .timed = stage.attempt_timeout.count() > 0,
                   .exactly_once = stage.exactly_once,
                   .window = static_cast<uint32_t>(stage.window_messages),
                   .window_bytes = static_cast<uint64_t>(stage.window_bytes),
                   .attempts_max = static_cast<uint32_t>(stage.retry.attempts_max),
                   .branch = stage.branch};
    for (uint16_t port = 0; port < topology.ports.size(); ++port) {
      if (std::find(kind->ports.begin(), kind->ports.end(), topology.ports[port]) != kind->ports.end())
        info.ports.push_back(port);
    }
    absl::StatusOr<std::vector<uint16_t>> topics = ProducerTopicsOf(pipeline, stage);
    if (!topics.ok()) return topics.status();
    for (const stages::OutputSpec& output : stage.outputs)
      info.outputs.push_back((*topics)[static_cast<size_t>(output.topic)]);
    info.dead_letter = (*topics)[static_cast<size_t>(stage.dead_letter.topic)];
    topology.topics[info.input].readers.push_back(static_cast<uint16_t>(topology.stages.size()));
    topology.stages.push_back(std::move(info));
  }
  return topology;
}

absl::StatusOr<Subject> Subject::Make(stages::ResolvedPipeline pipeline, const stages::Registry& registry,
                                      SubjectOptions options) {
  Subject subject;
  subject.pipeline_ = std::move(pipeline);
  subject.registry_ = &registry;
  subject.options_ = std::move(options);
  const stages::ResolvedPipeline& resolved = subject.pipeline_;
  for (const stages::PortSettings& port : resolved.ports) {
    const stages::PortKind* kind = registry.FindPort(port.kind);
    if (kind == nullptr) return absl::InvalidArgumentError(absl::StrCat("there is no port kind \"", port.kind, "\""));
    if (kind->make_simulated == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("port \"", port.name, "\" is of kind \"", port.kind,
                       "\", which has no simulated stand-in: give PortKind::make_simulated (stages/port_world.h)"));
    }
  }
  absl::StatusOr<Topology> topology = HistoryTopologyOf(resolved, registry);
  if (!topology.ok()) return topology.status();
  subject.topology_ = *std::move(topology);
  for (uint16_t index = 0; index < resolved.stages.size(); ++index) {
    const stages::StageSettings& stage = resolved.stages[index];
    const stages::StageKind& kind = subject.kind(index, /*next_version=*/false);
    const stages::StageKind& next = subject.kind(index, /*next_version=*/true);
    if (absl::Status s = CheckNext(stage, kind, next, resolved); !s.ok()) return s;
    absl::StatusOr<std::vector<uint16_t>> topics = ProducerTopicsOf(resolved, stage);
    if (!topics.ok()) return topics.status();
    subject.producer_topics_.push_back(*std::move(topics));
    for (const bool next_version : {false, true}) {
      const std::vector<std::string>& of = (next_version ? next : kind).ports;
      NamedPorts& named = subject.names_port_[next_version].emplace_back();
      named.any = !of.empty();
      for (const std::string& port : subject.topology_.ports)
        named.which.push_back(std::find(of.begin(), of.end(), port) != of.end());
    }
  }
  subject.bus_topology_ = stages::TopologyOf(resolved);
  for (size_t i = 0; i < subject.bus_topology_.topics.size(); ++i) {
    bus::TopicSpec& spec = subject.bus_topology_.topics[i];
    spec.existing.clear();  // there are no others here
    std::erase(spec.groups, resolved.ledger_group);
    if (!subject.topology_.topics[i].readers.empty()) continue;
    spec.keep = true;
    spec.backlog_bytes_max = 0;
  }
  return subject;
}

const stages::StageKind& Subject::kind(uint16_t stage, bool next_version) const {
  const std::string& name = pipeline_.stages[stage].kind;
  const stages::Registry* next = next_version ? options_.next_version : nullptr;
  const stages::StageKind* kind = next == nullptr ? nullptr : next->FindStage(name);
  return kind != nullptr ? *kind : *registry_->FindStage(name);
}

bool Subject::has_next_version() const {
  if (options_.next_version == nullptr) return false;
  return std::any_of(pipeline_.stages.begin(), pipeline_.stages.end(), [this](const stages::StageSettings& stage) {
    return options_.next_version->FindStage(stage.kind) != nullptr;
  });
}

absl::StatusOr<stages::MadeStage> Subject::MakeStage(uint16_t stage, bool next_version, const stages::Ports& ports,
                                                     const Clock& clock) const {
  const stages::StageSettings& settings = pipeline_.stages[stage];
  stages::StageConfig config;
  config.name = settings.name;
  config.base_dir = options_.base_dir;
  config.options = settings.options;
  config.ports = &ports;
  config.clock = &clock;
  return stages::MakeStage(kind(stage, next_version), config);
}

absl::StatusOr<std::unique_ptr<stages::Port>> Subject::MakePort(uint16_t port, stages::PortWorld* world) const {
  const stages::PortSettings& settings = pipeline_.ports[port];
  stages::PortConfig config;
  config.name = settings.name;
  config.base_dir = options_.base_dir;
  config.options = settings.options;
  return registry_->FindPort(settings.kind)->make_simulated(config, world);
}

absl::Status Subject::NotNamed(uint16_t port) const {
  return absl::FailedPreconditionError(
      absl::StrCat("the port \"", topology_.ports[port],
                   "\" is called by a stage whose kind does not name it, or outside of an attempt; name it in "
                   "StageKind::ports, and call it in Process only"));
}

void Subject::SetInputs(std::vector<Input> inputs) {
  inputs_.clear();
  input_digests_.clear();
  std::set<std::tuple<uint16_t, bus::Digest128, uint64_t>> seen;
  for (Input& input : inputs) {
    InputDigests facts = DigestsOf(input, topology_.topics[input.topic]);
    // The same record once more is the same job.
    if (!seen.emplace(input.topic, facts.id, facts.content).second) continue;
    input_digests_.push_back(std::move(facts));
    inputs_.push_back(std::move(input));
  }
  inputs_digest_ = inputs_.size();
  for (const Input& input : inputs_) {
    inputs_digest_ = bus::Digest64(input.id, inputs_digest_);
    inputs_digest_ = bus::Digest64(input.key.value_or(""), inputs_digest_);
    inputs_digest_ = bus::Digest64(input.body, inputs_digest_);
  }
}

absl::StatusOr<std::vector<Input>> Subject::ReadSources(size_t most, size_t scan_max) const {
  std::vector<Input> inputs;
  for (const stages::SourceSettings& source : pipeline_.sources) {
    const stages::SourceKind* kind = registry_->FindSource(source.kind);
    if (kind == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("there is no source kind \"", source.kind, "\""));
    stages::SourceConfig config;
    config.name = source.name;
    config.base_dir = options_.base_dir;
    config.options = source.options;
    absl::StatusOr<std::unique_ptr<stages::Source>> made = kind->make(config);
    if (!made.ok()) return made.status();
    SpreadSink sink(most, static_cast<uint16_t>(source.topic_index), source.source);
    if (absl::Status s = (*made)->Seek(""); !s.ok()) return s;
    while (sink.seen() < scan_max) {
      const size_t before = sink.seen();
      absl::StatusOr<bool> more = (*made)->Read(1024, sink);
      if (!more.ok()) return more.status();
      if (!*more || sink.seen() == before) break;
    }
    for (Input& input : sink.Take()) inputs.push_back(std::move(input));
  }
  return inputs;
}

absl::StatusOr<std::vector<Input>> Subject::InputsOfLines(std::string_view text, std::string_view name) const {
  if (pipeline_.stages.empty()) return absl::InvalidArgumentError("the pipeline has no stage");
  const int32_t topic =
      pipeline_.sources.empty() ? pipeline_.stages.front().input_topic : pipeline_.sources.front().topic_index;
  const std::string source =
      pipeline_.sources.empty() ? absl::StrCat("/", pipeline_.name, "/inputs") : pipeline_.sources.front().source;
  std::vector<Input> inputs;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    std::string_view body = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!body.empty() && body.back() == '\r') body.remove_suffix(1);
    if (body.empty()) continue;
    Input input{.topic = static_cast<uint16_t>(topic),
                .id = absl::StrCat(std::string(name), ":", line),
                .key = std::nullopt,
                .body = std::string(body),
                .headers = {}};
    const nlohmann::json parsed = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object() && parsed.contains("key") && parsed["key"].is_string())
      input.key = parsed["key"].get<std::string>();
    input.headers = HeadersOf({.id = input.id, .body = input.body, .position = {}}, source);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace millrace::sim
