#include "sim/testing/history_builder.h"

#include <algorithm>

#include "bus/check.h"

namespace millrace::sim {
namespace {

constexpr int64_t kStepNs = 1'000'000;

}  // namespace

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

// ---------------------------------------------------------------- records

Record& HistoryBuilder::Add(Kind kind) {
  Record record;
  record.at_ns = static_cast<int64_t>(history_.records.size()) * kStepNs;
  record.kind = kind;
  history_.records.push_back(record);
  return history_.records.back();
}

Record& HistoryBuilder::Of(Kind kind, uint16_t process, std::string_view stage_name) {
  history_.topology.processes = std::max<uint16_t>(history_.topology.processes, static_cast<uint16_t>(process + 1));
  Record& record = Add(kind);
  record.process = process;
  record.incarnation = life_[process];
  if (!stage_name.empty()) record.stage = stage(stage_name);
  return record;
}

Record& HistoryBuilder::Holding(Kind kind, uint16_t process, std::string_view stage_name, uint16_t partition) {
  Record& record = Of(kind, process, stage_name);
  record.topic = history_.topology.stages[record.stage].input;
  record.partition = partition;
  record.epoch = epoch_[{process, record.stage, partition}];
  return record;
}

Record& HistoryBuilder::At(Kind kind, uint16_t process, std::string_view stage_name, uint32_t message) {
  Record& record = Holding(kind, process, stage_name, partition_[message]);
  record.message = message;
  record.sequence = history_.topology.queue ? delivered_[{process, record.stage, message}] : sequence_[message];
  return record;
}

HistoryBuilder& HistoryBuilder::Submit(uint32_t job) {
  Add(Kind::kSubmit).message = Input(job);
  return *this;
}

HistoryBuilder& HistoryBuilder::Accept(uint32_t job) {
  Add(Kind::kAccepted).message = Input(job);
  return *this;
}

HistoryBuilder& HistoryBuilder::Append(uint32_t message) {
  const uint16_t topic = info(message).topic;
  Record& record = Add(Kind::kAppended);
  record.message = message;
  record.topic = topic;
  record.partition = partition_[message];
  record.sequence = appended_[{topic, partition_[message]}]++;
  sequence_[message] = record.sequence;
  return *this;
}

HistoryBuilder& HistoryBuilder::Feed(uint32_t job) { return Submit(job).Append(Input(job)).Accept(job); }

HistoryBuilder& HistoryBuilder::Committed(std::string_view stage_name, uint16_t partition, uint64_t next) {
  Record& record = Add(Kind::kCommitted);
  record.stage = stage(stage_name);
  record.topic = history_.topology.stages[record.stage].input;
  record.partition = partition;
  record.sequence = next;
  record.value = std::exchange(committed_[{record.stage, partition}], next);
  return *this;
}

HistoryBuilder& HistoryBuilder::Acked(std::string_view stage_name, uint32_t message) {
  Record& record = Add(Kind::kAcked);
  record.stage = stage(stage_name);
  record.message = message;
  record.topic = info(message).topic;
  record.partition = partition_[message];
  return *this;
}

HistoryBuilder& HistoryBuilder::Destroy(std::string_view stage_name, uint32_t message) {
  Record& record = Add(Kind::kDestroyed);
  record.stage = stage(stage_name);
  record.message = message;
  record.topic = info(message).topic;
  record.partition = partition_[message];
  record.sequence = sequence_[message];
  return *this;
}

HistoryBuilder& HistoryBuilder::Moved(std::string_view stage_name) {
  Add(Kind::kMoved).stage = stage(stage_name);
  return *this;
}

HistoryBuilder& HistoryBuilder::Start(uint16_t process) {
  ++life_[process];
  Of(Kind::kStart, process, "");
  return *this;
}

HistoryBuilder& HistoryBuilder::Crash(uint16_t process) {
  Of(Kind::kCrash, process, "");
  return *this;
}

HistoryBuilder& HistoryBuilder::Drain(uint16_t process) {
  Of(Kind::kDrain, process, "");
  return *this;
}

HistoryBuilder& HistoryBuilder::Stopped(uint16_t process, bool clean) {
  Of(Kind::kStopped, process, "").flags = clean ? kClean : 0;
  return *this;
}

HistoryBuilder& HistoryBuilder::Assign(uint16_t process, std::string_view stage_name, uint16_t partition) {
  epoch_[{process, stage(stage_name), partition}] = next_epoch_++;
  tag_[{process, stage(stage_name), partition}] = 0;
  Record& record = Holding(Kind::kAssigned, process, stage_name, partition);
  record.value = committed_[{record.stage, partition}];
  return *this;
}

HistoryBuilder& HistoryBuilder::Revoke(uint16_t process, std::string_view stage_name, uint16_t partition) {
  Holding(Kind::kRevoking, process, stage_name, partition);
  return *this;
}

HistoryBuilder& HistoryBuilder::Release(uint16_t process, std::string_view stage_name, uint16_t partition) {
  Holding(Kind::kReleased, process, stage_name, partition);
  return *this;
}

HistoryBuilder& HistoryBuilder::Lose(uint16_t process, std::string_view stage_name, uint16_t partition) {
  Holding(Kind::kLost, process, stage_name, partition);
  return *this;
}

HistoryBuilder& HistoryBuilder::Trouble(uint16_t process, std::string_view stage_name, uint64_t code) {
  Of(Kind::kTrouble, process, stage_name).value = code;
  return *this;
}

HistoryBuilder& HistoryBuilder::Deliver(uint16_t process, std::string_view stage_name, uint32_t message) {
  const uint16_t number = stage(stage_name);
  delivered_[{process, number, message}] = tag_[{process, number, partition_[message]}]++;
  At(Kind::kDelivered, process, stage_name, message);
  return *this;
}

HistoryBuilder& HistoryBuilder::Dispatch(uint16_t process, std::string_view stage_name, uint32_t message) {
  Record& record = At(Kind::kDispatch, process, stage_name, message);
  record.attempt = ++attempts_[{process, record.stage, message}];
  return *this;
}

HistoryBuilder& HistoryBuilder::Attempt(uint16_t process, std::string_view stage_name, uint32_t message,
                                        std::initializer_list<uint32_t> outputs, uint64_t code) {
  Record& record = At(Kind::kAttempt, process, stage_name, message);
  record.attempt = attempts_[{process, record.stage, message}];
  record.value = code;
  record.count = static_cast<uint32_t>(outputs.size());
  uint32_t index = 0;
  for (uint32_t output : outputs) {
    Record& made = Of(Kind::kOutput, process, stage_name);
    made.message = output;
    made.value = message;
    made.attempt = index++;
    if (info(output).role == MessageRole::kReceipt) made.flags = kReceipt;
  }
  return *this;
}

HistoryBuilder& HistoryBuilder::Die(uint16_t process, std::string_view stage_name, uint32_t dead_letter) {
  Record& record = Of(Kind::kOutput, process, stage_name);
  record.message = dead_letter;
  record.value = info(dead_letter).of;
  record.flags = kDeadLetter;
  return *this;
}

HistoryBuilder& HistoryBuilder::Effect(uint16_t process, std::string_view stage_name, uint32_t message, bool repeat) {
  Record& record = Of(Kind::kEffect, process, stage_name);
  record.message = message;
  record.topic = 0;
  record.flags = repeat ? kRepeat : 0;
  return *this;
}

HistoryBuilder& HistoryBuilder::Publish(uint16_t process, std::string_view stage_name, uint32_t message) {
  Of(Kind::kPublish, process, stage_name).message = message;
  return *this;
}

HistoryBuilder& HistoryBuilder::Confirm(uint16_t process, std::string_view stage_name, uint32_t message,
                                        uint64_t code) {
  Record& record = Of(Kind::kConfirm, process, stage_name);
  record.message = message;
  record.value = code;
  return *this;
}

HistoryBuilder& HistoryBuilder::Settle(uint16_t process, std::string_view stage_name, uint32_t message) {
  At(Kind::kSettle, process, stage_name, message);
  return *this;
}

HistoryBuilder& HistoryBuilder::Commit(uint16_t process, std::string_view stage_name, uint16_t partition,
                                       uint64_t next) {
  Holding(Kind::kCommit, process, stage_name, partition).sequence = next;
  return *this;
}

HistoryBuilder& HistoryBuilder::Sent(uint16_t process, std::string_view stage_name, uint32_t message) {
  return Publish(process, stage_name, message).Append(message).Confirm(process, stage_name, message);
}

HistoryBuilder& HistoryBuilder::Settled(uint16_t process, std::string_view stage_name, uint32_t message) {
  Settle(process, stage_name, message);
  if (history_.topology.queue) return Acked(stage_name, message);
  const uint64_t next = sequence_[message] + 1;
  return Commit(process, stage_name, partition_[message], next).Committed(stage_name, partition_[message], next);
}

HistoryBuilder& HistoryBuilder::Work(uint16_t process, std::string_view stage_name, uint32_t message,
                                     std::initializer_list<uint32_t> outputs) {
  Deliver(process, stage_name, message).Dispatch(process, stage_name, message);
  if (history_.topology.stages[stage(stage_name)].sink) Effect(process, stage_name, message);
  Attempt(process, stage_name, message, outputs);
  for (uint32_t output : outputs) Sent(process, stage_name, output);
  return Settled(process, stage_name, message);
}

HistoryBuilder& HistoryBuilder::Fault(uint64_t number) {
  Add(Kind::kFault).value = number;
  return *this;
}

HistoryBuilder& HistoryBuilder::Quiet() {
  Add(Kind::kQuiet);
  return *this;
}

HistoryBuilder& HistoryBuilder::Stuck(std::string_view text, bool livelock) {
  Record& record = Add(Kind::kStuck);
  record.text = AddText(text);
  record.value = livelock ? 1 : 0;
  return *this;
}

HistoryBuilder& HistoryBuilder::Limit(std::string_view text) {
  Add(Kind::kLimit).text = AddText(text);
  return *this;
}

HistoryBuilder& HistoryBuilder::State(std::string_view place, std::string_view key, std::string_view state) {
  history_.final_state.push_back({std::string(place), std::string(key), std::string(state)});
  std::sort(history_.final_state.begin(), history_.final_state.end());
  return *this;
}

}  // namespace millrace::sim
