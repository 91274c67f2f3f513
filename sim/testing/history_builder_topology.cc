// HistoryBuilder: what there is, and messages.
#include <algorithm>

#include "bus/check.h"
#include "sim/testing/history_builder.h"

namespace millrace::sim {

// ---------------------------------------------------------------- topology

HistoryBuilder& HistoryBuilder::Queues() {
  history_.topology.queue = true;
  return *this;
}

HistoryBuilder& HistoryBuilder::Topic(std::string_view name, uint16_t partitions) {
  TopicInfo topic;
  topic.name = name;
  topic.partitions = partitions;
  history_.topology.topics.push_back(std::move(topic));
  return *this;
}

HistoryBuilder& HistoryBuilder::DeadLetters() {
  history_.topology.topics.back().dead_letter = true;
  return *this;
}

HistoryBuilder& HistoryBuilder::Receipts() {
  history_.topology.topics.back().receipts = true;
  return *this;
}

HistoryBuilder& HistoryBuilder::Unordered() {
  history_.topology.topics.back().ordered = false;
  return *this;
}

HistoryBuilder& HistoryBuilder::Stage(std::string_view name, std::string_view input,
                                      std::initializer_list<std::string_view> outputs, std::string_view dead_letter) {
  StageInfo stage;
  stage.name = name;
  stage.group = name;
  stage.input = topic(input);
  for (std::string_view output : outputs) stage.outputs.push_back(topic(output));
  if (!dead_letter.empty()) stage.dead_letter = topic(dead_letter);
  stage.window = 8;
  stage.attempts_max = 3;
  history_.topology.topics[stage.input].readers.push_back(static_cast<uint16_t>(history_.topology.stages.size()));
  history_.topology.stages.push_back(std::move(stage));
  return *this;
}

HistoryBuilder& HistoryBuilder::Sink() {
  history_.topology.stages.back().sink = true;
  return *this;
}

HistoryBuilder& HistoryBuilder::ParkKey() {
  history_.topology.stages.back().park_key = true;
  return *this;
}

HistoryBuilder& HistoryBuilder::ExactlyOnce() {
  history_.topology.stages.back().exactly_once = true;
  return *this;
}

HistoryBuilder& HistoryBuilder::Window(uint32_t messages) {
  history_.topology.stages.back().window = messages;
  return *this;
}

HistoryBuilder& HistoryBuilder::Branch(std::string_view branch) {
  history_.topology.stages.back().branch = branch;
  return *this;
}

uint16_t HistoryBuilder::topic(std::string_view name) const {
  const auto& topics = history_.topology.topics;
  const auto it = std::find_if(topics.begin(), topics.end(), [&](const TopicInfo& t) { return t.name == name; });
  MR_CHECK(it != topics.end()) << "no topic " << name;
  return static_cast<uint16_t>(it - topics.begin());
}

uint16_t HistoryBuilder::stage(std::string_view name) const {
  const auto& stages = history_.topology.stages;
  const auto it = std::find_if(stages.begin(), stages.end(), [&](const StageInfo& s) { return s.name == name; });
  MR_CHECK(it != stages.end()) << "no stage " << name;
  return static_cast<uint16_t>(it - stages.begin());
}

// ---------------------------------------------------------------- messages

uint32_t HistoryBuilder::KeyOf(std::string_view key) {
  if (key.empty()) return kNoKey;
  const auto it = std::find(history_.keys.begin(), history_.keys.end(), key);
  const auto index = static_cast<uint32_t>(it - history_.keys.begin());
  if (it == history_.keys.end()) history_.keys.emplace_back(key);
  return index;
}

uint32_t HistoryBuilder::AddText(std::string_view text) {
  history_.texts.emplace_back(text);
  return static_cast<uint32_t>(history_.texts.size()) - 1;
}

uint32_t HistoryBuilder::AddMessage(MessageInfo info, uint16_t partition) {
  if (info.id == bus::Digest128()) info.id = {0, next_id_++};
  history_.messages.push_back(std::move(info));
  partition_.push_back(partition);
  sequence_.push_back(0);
  return static_cast<uint32_t>(history_.messages.size()) - 1;
}

uint32_t HistoryBuilder::Job(std::string_view name, std::string_view topic_name, std::string_view key,
                             uint16_t partition) {
  const auto job = static_cast<uint32_t>(history_.jobs.size());
  MessageInfo info;
  info.role = MessageRole::kInput;
  info.topic = topic(topic_name);
  info.job = job;
  info.key = KeyOf(key);
  const uint32_t message = AddMessage(std::move(info), partition);
  JobInfo job_info;
  job_info.id = job;
  job_info.input = job;
  job_info.message = message;
  job_info.name = name;
  history_.jobs.push_back(std::move(job_info));
  return job;
}

uint32_t HistoryBuilder::Derive(uint32_t input, std::string_view stage_name, std::string_view topic_name,
                                std::string_view share) {
  MessageInfo info = history_.messages[input];
  info.role = MessageRole::kDerived;
  info.stage = stage(stage_name);
  info.topic = topic(topic_name);
  info.id = {};
  if (share != "=") info.share = share;
  const uint16_t partition =
      std::min<uint16_t>(partition_[input], static_cast<uint16_t>(history_.topology.topics[info.topic].partitions - 1));
  return AddMessage(std::move(info), partition);
}

uint32_t HistoryBuilder::DeadLetter(uint32_t of, std::string_view stage_name, std::string_view reason) {
  MessageInfo info = history_.messages[of];
  info.role = MessageRole::kDeadLetter;
  info.stage = stage(stage_name);
  info.topic = history_.topology.stages[info.stage].dead_letter;
  info.of = of;
  info.reason = reason;
  return AddMessage(std::move(info), 0);
}

uint32_t HistoryBuilder::Receipt(uint32_t of, std::string_view stage_name, std::string_view topic_name) {
  const uint32_t message = Derive(of, stage_name, topic_name);
  info(message).role = MessageRole::kReceipt;
  info(message).of = of;
  info(message).reason = "done";
  return message;
}

uint32_t HistoryBuilder::Other(uint32_t message) {
  MessageInfo info = history_.messages[message];
  info.same_id_as = message;
  info.digest ^= 1;
  return AddMessage(std::move(info), partition_[message]);
}

HistoryBuilder& HistoryBuilder::Key(uint32_t message, std::string_view key) {
  info(message).key = KeyOf(key);
  return *this;
}

HistoryBuilder& HistoryBuilder::Partition(uint32_t message, uint16_t partition) {
  partition_[message] = partition;
  return *this;
}

}  // namespace millrace::sim
