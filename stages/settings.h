// A pipeline with every default filled in, as plain structs: what runs it reads these, never the Protobuf they come
// from (stages/pipeline_config.h).
//
// Threading: values.
#ifndef MILLRACE_STAGES_SETTINGS_H_
#define MILLRACE_STAGES_SETTINGS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bus/clock.h"
#include "stages/outputs.h"
#include "stages/registry.h"

namespace millrace::stages {

struct TopicSettings {
  std::string name;
  int32_t partitions = 1;
  bool ordered = true;
  bool dead_letter = false;
  bool receipts = false;          // the topic that Pipeline.receipts names
  int64_t backlog_bytes_max = 0;  // 0: no bound (dead letters and receipts)
  int32_t replication = 0;        // 0: as the bus says
  int64_t retention_ms = 0;       // 0: as the broker is set up, or for ever (dead letters and receipts)
  std::string existing;           // its name on the broker, where it belongs to others
  std::string routing_key;
  std::vector<std::string> groups;
};

struct RetrySettings {
  int32_t attempts_max = 5;
  Duration backoff_initial = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
  int32_t multiplier = 2;
  int32_t suspect_after_starts = 3;
  int32_t deaths_max = 3;
};

struct StageSettings {
  std::string name;
  std::string kind;
  std::string group;
  std::string input;        // the topic it reads
  int32_t input_topic = 0;  // index into ResolvedPipeline::topics
  int32_t input_partitions = 1;
  // Where several stages read the input topic, each is a branch of the job: the i-th of n has ".<i>/<n>", which is
  // appended to the share of each of its inputs (stages/lineage.h). Else empty.
  std::string branch;

  // What its producer opens: the topics of its outputs, each once, in the order of the outputs; then dead letters; then
  // receipts. The specs below index into it.
  std::vector<std::string> producer_topics;
  std::vector<OutputSpec> outputs;  // in the order of the pipeline file: the first is the stage's first output
  OutputSpec dead_letter;
  std::optional<OutputSpec> receipts;  // where the pipeline has a receipts topic
  std::string source;                  // ce_source of what it emits: "/<pipeline>/<stage>"

  int32_t instances = 1;
  int32_t concurrency = 1;
  bool inline_execution = false;
  int32_t batch = 64;
  int32_t window_messages = 1024;
  int64_t window_bytes = 8 << 20;
  RetrySettings retry;
  Duration attempt_timeout = Duration(0);  // 0: no limit
  Duration timeout_grace = std::chrono::seconds(30);
  bool park_key = false;
  bool strict = false;
  bool exactly_once = false;
  Options options;
};

struct SourceSettings {
  std::string name;
  std::string kind;
  std::string topic;
  int32_t topic_index = 0;  // into ResolvedPipeline::topics
  int32_t partitions = 1;   // of that topic
  std::string source;       // ce_source of what it publishes: "/<pipeline>/<source>"
  Options options;
};

struct PortSettings {
  std::string name;
  std::string kind;
  Options options;
};

struct ResolvedPipeline {
  std::string name;
  std::string bus = "mem:";
  std::string receipts;      // topic, or empty
  std::string ledger_group;  // "<pipeline>.ledger": reads dead letters and receipts
  std::vector<TopicSettings> topics;
  std::vector<SourceSettings> sources;
  std::vector<StageSettings> stages;
  std::vector<PortSettings> ports;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_SETTINGS_H_
