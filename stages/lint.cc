#include "stages/lint.h"

#include <algorithm>
#include <set>

#include "stages/lint_context.h"
#include "stages/pipeline_config.h"
#include "stages/suggest.h"

namespace millrace::stages {
namespace {

constexpr int64_t kReplicationMax = 100;
constexpr size_t kNameBytesMax = 200;  // Kafka allows 249 in a topic, and we append to names
constexpr int64_t kPartitionsMax = 100'000;

void LintName(LintContext& lint, int line, const std::string& what, const std::string& name) {
  if (name.empty()) {
    lint.Error(line, "a " + what + " without a name; add name: \"…\"");
    return;
  }
  const bool good = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (!good || name == "." || name == "..") {
    lint.Error(line, "the name " + Quoted(name) + " of a " + what +
                         " cannot be; use lower-case letters, digits, '-', '_' and '.'");
  } else if (name.size() > kNameBytesMax) {
    lint.Error(line, "the name of a " + what + " has " + std::to_string(name.size()) + " characters; use at most " +
                         std::to_string(kNameBytesMax));
  }
}

// Names of one sort, each once.
template <typename Specs>
void LintNames(LintContext& lint, const char* what, const Specs& specs) {
  std::map<std::string, int> first;
  for (int i = 0; i < specs.size(); ++i) {
    const Node node = lint.root().Child(what, i);
    const int line = node.LineOf("name");
    LintName(lint, line, what, specs.Get(i).name());
    auto [it, added] = first.emplace(specs.Get(i).name(), line);
    if (!added && !specs.Get(i).name().empty()) {
      lint.Error(line, std::string("a second ") + what + " named " + Quoted(it->first) + ", the first is in line " +
                           std::to_string(it->second) + "; rename one");
    }
  }
}

// A topic of others.
void LintExisting(LintContext& lint, const Topic& topic, const Node& node, bool endless, const std::string& user) {
  if (topic.existing().empty()) {
    if (node.Has("routing_key"))
      lint.Error(node.LineOf("routing_key"),
                 user + " has a routing key and is ours; remove it, or say existing: \"…\"");
    return;
  }
  const int line = node.LineOf("existing");
  if (endless) {
    lint.Error(line, user + " is for dead letters or receipts, which have to be ours; remove existing");
  }
  for (const char* field : {"backlog_bytes_max", "replication", "retention_ms"}) {
    if (node.Has(field))
      lint.Error(node.LineOf(field), user + " belongs to others, so that " + field + " is theirs to say; remove it");
  }
  const Pipeline& pipeline = lint.pipeline();
  const auto also = [&](const Topic& other) { return &other != &topic && other.existing() == topic.existing(); };
  for (const Topic& other : pipeline.topic()) {
    if (also(other)) {
      lint.Error(line, user + " exists as " + Quoted(topic.existing()) + ", as does topic " + Quoted(other.name()) +
                           "; one of the two is enough");
      break;
    }
  }
  const bool queues = lint.backend() != nullptr && lint.backend()->settlement == bus::Settlement::kIndividual;
  if (!queues || SchemeOf(lint.bus()) == "mem") return;
  const auto readers = std::count_if(pipeline.stage().begin(), pipeline.stage().end(),
                                     [&](const StageSpec& stage) { return stage.input() == topic.name(); });
  if (readers > 1)
    lint.Error(line, user + " is one queue, which gives each message to one of " + std::to_string(readers) +
                         " stages; let one read it and pass on what the others want");
  if (readers > 0 && !topic.unordered())
    lint.Error(line, user +
                         " is a queue of others, which keeps no order of keys; add unordered: true, and let the stage "
                         "publish to an ordered topic of ours");
  if (readers > 0 && node.Has("routing_key"))
    lint.Error(node.LineOf("routing_key"),
               user + " is a queue that is read; a routing key is for exchanges; remove it");
}

void LintTopics(LintContext& lint) {
  const Pipeline& pipeline = lint.pipeline();
  for (int i = 0; i < pipeline.topic_size(); ++i) {
    const Topic& topic = pipeline.topic(i);
    const Node node = lint.root().Child("topic", i);
    const std::string user = "topic " + Quoted(topic.name());
    lint.RequireRange(node, "partitions", topic.partitions(), 1, kPartitionsMax, user);
    lint.RequireRange(node, "backlog_bytes_max", topic.backlog_bytes_max(), 1, INT64_MAX, user);
    lint.RequireRange(node, "replication", topic.replication(), 1, kReplicationMax, user);
    lint.RequireRange(node, "retention_ms", topic.retention_ms(), 1, INT64_MAX, user);
    const bool endless = topic.dead_letter() || (!pipeline.receipts().empty() && topic.name() == pipeline.receipts());
    LintExisting(lint, topic, node, endless, user);
    if (endless && node.Has("backlog_bytes_max")) {
      lint.Warning(
          node.LineOf("backlog_bytes_max"),
          "backlog_bytes_max has no meaning for a topic of dead letters or receipts, which is never full; remove it");
    }
    if (endless && node.Has("retention_ms")) {
      lint.Error(node.LineOf("retention_ms"),
                 "retention_ms would let dead letters or receipts expire, and with them what became of their jobs; "
                 "remove it, and take them out with `millrace dlq purge`");
    }
  }
  if (!pipeline.receipts().empty() &&
      lint.RequireTopic(lint.root().LineOf("receipts"), "receipts", pipeline.receipts()) &&
      lint.FindTopic(pipeline.receipts())->dead_letter()) {
    lint.Error(lint.root().LineOf("receipts"), "receipts go to " + Quoted(pipeline.receipts()) +
                                                   ", which is for dead letters; give them a topic of their own");
  }
}

void LintSources(LintContext& lint) {
  const Pipeline& pipeline = lint.pipeline();
  for (int i = 0; i < pipeline.source_size(); ++i) {
    const SourceSpec& source = pipeline.source(i);
    const Node node = lint.root().Child("source", i);
    const std::string user = "source " + Quoted(source.name());
    const SourceKind* kind = lint.registry().FindSource(source.kind());
    if (source.kind().empty()) {
      lint.Error(node.line(), user + " has no kind; " + Suggest("", lint.registry().SourceKinds()));
    } else if (kind == nullptr) {
      lint.Error(node.LineOf("kind"), "there is no source kind " + Quoted(source.kind()) + "; " +
                                          Suggest(source.kind(), lint.registry().SourceKinds()));
    } else {
      LintOptionKeys(lint, node, source, kind->options, user);
    }
    if (source.topic().empty()) {
      lint.Error(node.line(), user + " has no topic to publish to; add topic: \"…\"");
    } else if (lint.RequireTopic(node.LineOf("topic"), user, source.topic())) {
      const bool dead = lint.FindTopic(source.topic())->dead_letter();
      if (dead || source.topic() == pipeline.receipts()) {
        lint.Error(node.LineOf("topic"), user + " publishes to " + Quoted(source.topic()) + ", which is for " +
                                             (dead ? "dead letters" : "receipts") +
                                             " and ends jobs in the ledger; name an ordinary topic");
      }
    }
  }
}

void LintPorts(LintContext& lint) {
  const Pipeline& pipeline = lint.pipeline();
  std::set<std::string> used;
  for (const StageSpec& stage : pipeline.stage()) {
    const StageKind* kind = lint.registry().FindStage(stage.kind());
    if (kind != nullptr) used.insert(kind->ports.begin(), kind->ports.end());
  }
  for (int i = 0; i < pipeline.port_size(); ++i) {
    const PortSpec& port = pipeline.port(i);
    const Node node = lint.root().Child("port", i);
    const std::string user = "port " + Quoted(port.name());
    const PortKind* kind = lint.registry().FindPort(port.kind());
    if (port.kind().empty()) {
      lint.Error(node.line(), user + " has no kind; " + Suggest("", lint.registry().PortKinds()));
    } else if (kind == nullptr) {
      lint.Error(node.LineOf("kind"), "there is no port kind " + Quoted(port.kind()) + "; " +
                                          Suggest(port.kind(), lint.registry().PortKinds()));
    } else {
      LintOptionKeys(lint, node, port, kind->options, user);
    }
    if (!port.name().empty() && !used.count(port.name())) {
      lint.Warning(node.line(), "no stage asks for the port " + Quoted(port.name()) +
                                    "; remove it, or name it in StageKind::ports of the stage that calls it");
    }
  }
}

}  // namespace

LintContext::LintContext(const PipelineFile& file, const Registry& registry, const bus::Capabilities* backend,
                         std::string bus)
    : file_(file), registry_(registry), backend_(backend), bus_(std::move(bus)) {
  for (int i = 0; i < pipeline().topic_size(); ++i) topics_.emplace(pipeline().topic(i).name(), i);
}

int LintContext::TopicIndex(std::string_view name) const {
  auto it = topics_.find(name);
  return it == topics_.end() ? -1 : it->second;
}

const Topic* LintContext::FindTopic(std::string_view name) const {
  const int index = TopicIndex(name);
  return index < 0 ? nullptr : &pipeline().topic(index);
}

int32_t LintContext::PartitionsOf(std::string_view topic) const {
  const Topic* found = FindTopic(topic);
  return found == nullptr || found->partitions() <= 0 ? 1 : found->partitions();
}

std::vector<std::string> LintContext::TopicNames() const {
  std::vector<std::string> names;
  for (const auto& [name, index] : topics_) names.push_back(name);
  return names;
}

bool LintContext::RequireTopic(int line, const std::string& user, const std::string& topic) {
  if (TopicIndex(topic) >= 0) return true;
  const std::vector<std::string> known = TopicNames();
  const bool near = !Nearest(topic, known).empty();
  Error(line, user + ": there is no topic " + Quoted(topic) + "; " +
                  (near ? Suggest(topic, known) : "add topic { name: " + Quoted(topic) + " } or name another"));
  return false;
}

void LintContext::RequireRange(const Node& node, std::string_view field, int64_t value, int64_t min, int64_t max,
                               const std::string& user) {
  if (!node.Has(field) || (value >= min && value <= max)) return;
  const std::string range = max == INT64_MAX ? "at least " + std::to_string(min)
                                             : "from " + std::to_string(min) + " to " + std::to_string(max);
  Error(node.LineOf(field),
        user + ": " + std::string(field) + " is " + std::to_string(value) + "; it must be " + range);
}

void LintOptionKey(LintContext& lint, int line, const std::string& key, const std::vector<OptionSpec>& known,
                   const std::string& user) {
  std::vector<std::string> keys;
  for (const OptionSpec& option : known) keys.push_back(option.key);
  if (std::find(keys.begin(), keys.end(), key) != keys.end()) return;
  lint.Error(line, user + " has no option " + Quoted(key) + "; " + Suggest(key, keys));
}

void LintRequiredOptions(LintContext& lint, int line, const std::vector<std::string>& given,
                         const std::vector<OptionSpec>& known, const std::string& user) {
  for (const OptionSpec& option : known) {
    if (!option.required || std::find(given.begin(), given.end(), option.key) != given.end()) continue;
    lint.Error(line, user + " needs the option " + Quoted(option.key) + " (" + option.summary +
                         "); add option { key: " + Quoted(option.key) + " value: \"…\" }");
  }
}

std::vector<Problem> Lint(const PipelineFile& file, const LintOptions& options) {
  if (!file.complete()) return file.problems();
  const std::string bus = !options.bus.empty()            ? options.bus
                          : file.pipeline().bus().empty() ? "mem:"
                                                          : file.pipeline().bus();
  const absl::StatusOr<bus::Capabilities> backend = options.capabilities(bus);
  LintContext lint(file, *options.registry, backend.ok() ? &*backend : nullptr, bus);
  if (!backend.ok())
    lint.Error(options.bus.empty() ? lint.root().LineOf("bus") : 0, std::string(backend.status().message()));
  LintName(lint, lint.root().LineOf("name"), "pipeline", file.pipeline().name());
  LintNames(lint, "topic", file.pipeline().topic());
  LintNames(lint, "source", file.pipeline().source());
  LintNames(lint, "stage", file.pipeline().stage());
  LintNames(lint, "port", file.pipeline().port());
  LintTopics(lint);
  LintSources(lint);
  LintPorts(lint);
  LintStages(lint);
  LintGraph(lint);
  std::vector<Problem> problems = file.problems();
  for (Problem& problem : lint.Take()) problems.push_back(std::move(problem));
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  return problems;
}

bool HasErrors(const std::vector<Problem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const Problem& p) { return p.severity == Problem::kError; });
}

}  // namespace millrace::stages
