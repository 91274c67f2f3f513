#include "stages/instance_setup.h"

#include <utility>

#include "bus/digest.h"

namespace millrace::stages {

WorkerOptions WorkerOptionsOf(const ResolvedPipeline& pipeline, const StageSettings& stage, bool batch_stage,
                              size_t message_bytes_max) {
  WorkerOptions options;
  options.stage = stage.name;
  options.inputs = {stage.input};
  for (const std::string& name : stage.producer_topics) {
    for (const TopicSettings& topic : pipeline.topics) {
      if (topic.name == name) options.topic_partitions.push_back(topic.partitions);
    }
  }
  options.dead_letter = stage.dead_letter;
  options.dead_letter_bytes_max = message_bytes_max;
  options.concurrency = static_cast<uint32_t>(stage.concurrency);
  options.batch = static_cast<uint32_t>(stage.batch);
  options.batch_stage = batch_stage;
  options.strict = stage.strict;
  options.park_key = stage.park_key;
  options.exactly_once = stage.exactly_once;
  options.window_messages = static_cast<size_t>(stage.window_messages);
  options.window_bytes = static_cast<size_t>(stage.window_bytes);
  options.retry = {.attempts_max = static_cast<uint32_t>(stage.retry.attempts_max),
                   .backoff_initial = stage.retry.backoff_initial,
                   .backoff_max = stage.retry.backoff_max,
                   .multiplier = static_cast<uint32_t>(stage.retry.multiplier),
                   .suspect_after_starts = static_cast<uint32_t>(stage.retry.suspect_after_starts),
                   .deaths_max = static_cast<uint32_t>(stage.retry.deaths_max)};
  options.attempt_timeout = stage.attempt_timeout;
  options.timeout_grace = stage.timeout_grace;
  options.salt = bus::Digest64(stage.source);
  return options;
}

AttemptRunner::Config AttemptConfigOf(const StageSettings& stage, const StageKind& kind, size_t message_bytes_max) {
  AttemptRunner::Config config;
  config.outputs.stage = stage.name;
  config.outputs.source = stage.source;
  config.outputs.outputs = stage.outputs;
  // A stage with one way out may call it by name although the pipeline leaves the name out.
  if (kind.outputs.size() == 1 && stage.outputs.size() == 1) config.outputs.outputs[0].name = kind.outputs[0];
  if (!kind.sink) config.outputs.receipts = stage.receipts;
  config.outputs.message_bytes_max = message_bytes_max;
  config.inputs = {stage.input};
  config.salt = bus::Digest64(stage.source);
  config.branch = stage.branch;
  return config;
}

bus::ConsumerOptions ConsumerOptionsOf(const StageSettings& stage, const std::string& instance) {
  bus::ConsumerOptions options;
  options.group = stage.group;
  options.topics = {stage.input};
  options.instance = instance;
  options.prefetch = static_cast<uint32_t>(stage.window_messages);
  return options;
}

bus::ProducerOptions ProducerOptionsOf(const StageSettings& stage, const std::string& instance) {
  return {.name = instance, .topics = stage.producer_topics};
}

absl::StatusOr<MadeStage> MakeStage(const StageKind& kind, const StageConfig& config) {
  MadeStage made;
  if (kind.make != nullptr) {
    absl::StatusOr<std::unique_ptr<Stage>> single = kind.make(config);
    if (!single.ok()) return single.status();
    made.single = *std::move(single);
  } else {
    absl::StatusOr<std::unique_ptr<BatchStage>> batch = kind.make_batch(config);
    if (!batch.ok()) return batch.status();
    made.batch = *std::move(batch);
  }
  return made;
}

}  // namespace millrace::stages
