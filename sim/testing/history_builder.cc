#include "sim/testing/history_builder.h"

#include <algorithm>

namespace millrace::sim {
namespace {

constexpr int64_t kStepNs = 1'000'000;
constexpr uint64_t kUnavailable = 14;

}  // namespace

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

HistoryBuilder& HistoryBuilder::DataLoss(uint16_t process, std::string_view stage_name, uint16_t partition,
                                         uint64_t first, uint32_t count) {
  constexpr uint64_t kDataLoss = 15;
  Record& record = Of(Kind::kTrouble, process, stage_name);
  record.value = kDataLoss;
  record.topic = history_.topology.stages[record.stage].input;
  record.partition = partition;
  record.sequence = first;
  record.count = count;
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

HistoryBuilder& HistoryBuilder::Refused(uint16_t process, std::string_view stage_name, uint32_t message, bool done) {
  Record& record = Of(Kind::kRefused, process, stage_name);
  record.message = message;
  record.topic = 0;
  record.value = kUnavailable;
  record.count = done ? 1 : 0;
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

HistoryBuilder& HistoryBuilder::Fault(uint64_t number) {
  FaultInVain(number);
  history_.strikes.push_back(
      {.fault = static_cast<uint32_t>(number), .at_ns = history_.records.back().at_ns, .in_flight = true});
  return *this;
}

HistoryBuilder& HistoryBuilder::FaultInVain(uint64_t number) {
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
