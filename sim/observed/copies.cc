#include "sim/observed/copies.h"

#include <algorithm>
#include <map>
#include <utility>

namespace millrace::sim {

void Copies::Add(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message) {
  const TopicInfo& info = recorder_.topology().topics[topic];
  if (!info.dead_letter && !info.receipts) return Intern(topic, partition, sequence, message);
  Later& later = later_.emplace_back();
  later.topic = topic;
  later.partition = partition;
  later.sequence = sequence;
  if (message.key.has_value()) later.key = std::string(*message.key);
  if (message.body.has_value()) later.body = std::string(*message.body);
  later.headers = std::string(message.headers.block());
}

void Copies::Intern(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message) {
  Record record;
  record.kind = Kind::kAppended;
  record.message = recorder_.Intern(topic, message);
  record.topic = topic;
  record.partition = partition;
  record.sequence = sequence;
  const MessageInfo& info = recorder_.message(record.message);
  // A feeder names the job as its own root.
  if (info.job != kNoJob && info.stage == kNoStage && info.id == bus::DigestOf(recorder_.job(info.job).name))
    recorder_.MakeInput(record.message);
  records_.push_back(record);
}

void Copies::Flush() {
  for (const Later& later : later_) {
    bus::Message message;
    if (later.key.has_value()) message.key = *later.key;
    if (later.body.has_value()) message.body = *later.body;
    message.headers = bus::Headers(later.headers);
    Intern(later.topic, later.partition, later.sequence, message);
  }
  later_.clear();
}

std::vector<Record> Copies::Take(const ProcessRecords& processes, int64_t latest) {
  uint32_t most = 0;
  for (const Record& copy : records_) most = std::max(most, copy.message);
  std::vector<uint8_t> had(most + size_t{1}, 0);
  for (Record& copy : records_) {
    copy.at_ns = latest;
    const auto place = processes.place_seen.find({copy.topic, copy.partition, copy.sequence});
    if (place != processes.place_seen.end()) copy.at_ns = place->second;
    if (std::exchange(had[copy.message], 1) != 0) {
      ++beyond_one_[copy.message];
      continue;
    }
    // An answer may be that of another copy, which then lies behind this one.
    const auto first = processes.message_seen.find(copy.message);
    if (first != processes.message_seen.end()) copy.at_ns = std::min(copy.at_ns, first->second);
  }
  // What lies in front of something was there before it.
  std::map<std::pair<uint16_t, uint16_t>, int64_t> behind;
  for (auto copy = records_.rbegin(); copy != records_.rend(); ++copy) {
    int64_t& before = behind.try_emplace({copy->topic, copy->partition}, latest).first->second;
    before = std::min(before, copy->at_ns);
    copy->at_ns = before;
  }
  return std::exchange(records_, {});
}

uint64_t Copies::BeyondOne(uint32_t message) const {
  const auto at = beyond_one_.find(message);
  return at == beyond_one_.end() ? 0 : at->second;
}

}  // namespace millrace::sim
