#include "sim/recorder.h"

#include <algorithm>

#include "bus/envelope.h"
#include "sim/message_content.h"
#include "stages/dead_letter.h"
#include "stages/receipts.h"

namespace millrace::sim {

Recorder::Recorder(Topology topology) {
  history_.topology = std::move(topology);
  history_.records.reserve(4096);
}

void Recorder::Expect(size_t jobs) {
  history_.jobs.reserve(jobs);
  history_.messages.reserve(3 * jobs);
  next_same_.reserve(3 * jobs);
  by_id_.reserve(3 * jobs);
  jobs_.reserve(jobs);
}

uint32_t Recorder::AddJob(uint32_t id, uint32_t input, const Input& message, const InputDigests& facts) {
  const auto job = static_cast<uint32_t>(history_.jobs.size());
  jobs_.emplace(facts.name, job);
  const bus::Envelope envelope = facts.plain ? bus::Envelope() : bus::ReadEnvelope(bus::Headers(message.headers));
  history_.jobs.push_back(
      {.id = id, .input = input, .message = kNoMessage, .name = facts.plain ? message.id : std::string(envelope.id)});
  uint32_t first = kNoMessage;
  uint32_t index = Known(message.topic, facts.id, facts.content, &first);
  if (index == kNoMessage) {
    index = static_cast<uint32_t>(history_.messages.size());
    MessageInfo& info = AddMessage(message.topic, facts.id, facts.content, first);
    info.bytes = message.message().Bytes();
    if (message.key.has_value()) info.key = KeyOf(*message.key, facts.key);
    info.share = facts.share;
    if (!facts.plain) Describe(message.topic, message.message(), envelope, info);
  }
  history_.jobs[job].message = index;
  history_.messages[index].role = MessageRole::kInput;
  history_.messages[index].job = job;
  return index;
}

uint32_t Recorder::AddJob(std::string name) {
  const auto job = static_cast<uint32_t>(history_.jobs.size());
  const auto [at, added] = jobs_.emplace(bus::Digest64(name), job);
  if (!added) return at->second;
  history_.jobs.push_back({.id = job, .input = job, .message = kNoMessage, .name = std::move(name)});
  return job;
}

void Recorder::MakeInput(uint32_t message) {
  MessageInfo& info = history_.messages[message];
  info.role = MessageRole::kInput;
  if (info.job != kNoJob && history_.jobs[info.job].message == kNoMessage) history_.jobs[info.job].message = message;
}

uint32_t Recorder::InternDigests(uint16_t topic, const bus::Digest128& id, uint64_t digest, uint32_t job) {
  uint32_t first = kNoMessage;
  if (const uint32_t known = Known(topic, id, digest, &first); known != kNoMessage) return known;
  const auto index = static_cast<uint32_t>(history_.messages.size());
  MessageInfo& info = AddMessage(topic, id, digest, first);
  info.job = job;
  if (job != kNoJob) info.role = MessageRole::kDerived;
  return index;
}

uint32_t Recorder::KeyOf(std::string_view key, uint64_t digest) {
  const auto [at, added] = key_index_.try_emplace(digest, history_.keys.size());
  if (added) history_.keys.emplace_back(key);
  return at->second;
}

uint16_t Recorder::StageNamed(std::string_view name) const {
  const std::vector<StageInfo>& stages = history_.topology.stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].name == name) return static_cast<uint16_t>(i);
  }
  return kNoStage;
}

uint32_t Recorder::Known(uint16_t topic, const bus::Digest128& id, uint64_t digest, uint32_t* first) {
  const auto index = static_cast<uint32_t>(history_.messages.size());
  const auto [at, added] = by_id_.try_emplace(Id{id, topic}, index);
  *first = kNoMessage;
  if (added) return kNoMessage;
  uint32_t last = kNoMessage;
  for (uint32_t same = at->second; same != kNoMessage; same = next_same_[same]) {
    if (history_.messages[same].digest == digest) return same;
    last = same;
  }
  next_same_[last] = index;
  *first = at->second;
  return kNoMessage;
}

MessageInfo& Recorder::AddMessage(uint16_t topic, const bus::Digest128& id, uint64_t digest, uint32_t first) {
  MessageInfo& info = history_.messages.emplace_back();
  next_same_.push_back(kNoMessage);
  info.topic = topic;
  info.id = id;
  info.digest = digest;
  info.same_id_as = first;
  content_ = Mix(Mix(content_, id.low), digest);
  return info;
}

uint32_t Recorder::Intern(uint16_t topic, const bus::Message& message) {
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  const bus::Digest128 id = bus::DigestOf(envelope.id);
  const uint64_t digest = ContentOf(envelope.type, message);
  uint32_t first = kNoMessage;
  if (const uint32_t known = Known(topic, id, digest, &first); known != kNoMessage) return known;
  const auto index = static_cast<uint32_t>(history_.messages.size());
  MessageInfo& info = AddMessage(topic, id, digest, first);
  info.bytes = message.Bytes();
  const auto job = jobs_.find(bus::Digest64(envelope.root.empty() ? envelope.id : envelope.root));
  if (job != jobs_.end()) info.job = job->second;
  if (message.key.has_value()) info.key = KeyOf(*message.key, bus::Digest64(*message.key));
  info.share = std::string(envelope.share);
  Describe(topic, message, envelope, info);
  return index;
}

void Recorder::Describe(uint16_t topic, const bus::Message& message, const bus::Envelope& envelope, MessageInfo& info) {
  const TopicInfo& place = history_.topology.topics[topic];
  // Who made it says so in ce_source, "/<pipeline>/<stage>".
  const auto maker = [&](std::string_view source) { return StageNamed(source.substr(source.rfind('/') + 1)); };
  if (place.dead_letter) {
    info.role = MessageRole::kDeadLetter;
    const auto reason = message.headers.Find(stages::kDeadReason);
    const auto stage = message.headers.Find(stages::kDeadStage);
    const auto of = message.headers.Find(stages::kDeadId);
    if (reason.has_value()) info.reason = std::string(*reason);
    if (stage.has_value()) info.stage = StageNamed(*stage);
    if (of.has_value() && info.stage != kNoStage) info.of = Find(history_.topology.stages[info.stage].input, *of);
  } else if (envelope.type == stages::kReceiptType) {
    info.role = MessageRole::kReceipt;
    info.stage = maker(envelope.source);
    info.reason = std::string(message.body.value_or(""));
    if (info.stage != kNoStage) info.of = Find(history_.topology.stages[info.stage].input, envelope.subject);
  } else if (!envelope.root.empty()) {
    info.role = MessageRole::kDerived;
    info.stage = maker(envelope.source);
  }
}

uint32_t Recorder::Find(uint16_t topic, std::string_view id) const {
  const auto at = by_id_.find(Id{bus::DigestOf(id), topic});
  return at == by_id_.end() ? kNoMessage : at->second;
}

History Recorder::Take() {
  std::sort(history_.final_state.begin(), history_.final_state.end());
  for (const SinkEntry& entry : history_.final_state)
    content_ = Mix(content_, bus::Digest64(entry.state, bus::Digest64(entry.key, bus::Digest64(entry.place))));
  history_.schedule_hash = schedule_;
  history_.content_hash = content_;
  return std::move(history_);
}

}  // namespace millrace::sim
