#include "ops/dead_letters.h"

#include <algorithm>
#include <charconv>

#include "bus/digest.h"
#include "bus/envelope.h"
#include "bus/partition.h"
#include "ops/reason.h"
#include "stages/dead_letter.h"

namespace millrace::ops {
namespace {

constexpr size_t kIdsShown = 3;
constexpr std::string_view kDeadPrefix = "mr_dead_";

bool AmongOrAll(const std::vector<std::string>& wanted, std::string_view value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

std::string MaskedReason(std::string_view status) {
  const Reason reason = SplitReason(status);
  std::string text(reason.code);
  for (const std::string& part : {std::string(reason.field), MaskValues(reason.text)}) {
    if (!part.empty()) text += (text.empty() ? "" : ": ") + part;
  }
  return text;
}

}  // namespace

DeadLetter ReadDeadLetter(const bus::Message& message, std::string_view place) {
  const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
  const auto header = [&](std::string_view name) { return message.headers.Find(name).value_or(""); };
  DeadLetter letter;
  letter.id = message.headers.Find(stages::kDeadId).value_or(envelope.id.empty() ? place : envelope.id);
  letter.stage = header(stages::kDeadStage);
  letter.reason = header(stages::kDeadReason);
  letter.attempts = header(stages::kDeadAttempts);
  letter.source = header(stages::kDeadSource);
  letter.cut = header(stages::kDeadCut);
  std::from_chars(envelope.redriven.data(), envelope.redriven.data() + envelope.redriven.size(), letter.redriven);
  std::string kind(letter.stage);
  kind.push_back('\0');
  kind += MaskedReason(letter.reason);
  char hex[16];
  bus::WriteHex(bus::Digest64(kind), hex);
  letter.group.assign(hex, 8);
  return letter;
}

bool DeadLetterFilter::Takes(const DeadLetter& letter) const {
  return AmongOrAll(ids, letter.id) && AmongOrAll(stages, letter.stage) && AmongOrAll(groups, letter.group) &&
         letter.reason.find(reason) != std::string_view::npos;
}

void DeadLetterGroups::Add(const std::string& topic, const DeadLetter& letter) {
  ++count_;
  DeadLetterGroup& group = groups_[topic + " " + letter.group];
  if (group.count++ == 0) {
    group.topic = topic;
    group.group = letter.group;
    group.stage = std::string(letter.stage);
    group.reason = MaskedReason(letter.reason);
  }
  if (letter.redriven > 0) ++group.redriven;
  if (group.ids.size() < kIdsShown) group.ids.emplace_back(letter.id);
}

std::vector<DeadLetterGroup> DeadLetterGroups::Sorted() const {
  std::vector<DeadLetterGroup> sorted;
  for (const auto& [key, group] : groups_) sorted.push_back(group);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const DeadLetterGroup& a, const DeadLetterGroup& b) { return a.count > b.count; });
  return sorted;
}

bus::Message RedrivenMessage(const bus::Message& message, const DeadLetter& letter, std::string_view body,
                             std::string* headers) {
  headers->clear();
  bus::HeaderBuilder builder(headers);
  // A foreign message had no id but its place; under that it must be known again wherever it comes to lie.
  if (!message.headers.Find(bus::kHeaderId).has_value()) builder.Add(bus::kHeaderId, letter.id);
  for (const bus::Header& header : message.headers) {
    if (header.name.substr(0, kDeadPrefix.size()) == kDeadPrefix || header.name == bus::kHeaderRedriven) continue;
    builder.Add(header.name, header.value);
  }
  builder.Add(bus::kHeaderRedriven, std::to_string(letter.redriven + 1));
  bus::Message out = message;
  out.headers = builder.View();
  if (!letter.cut.empty()) out.body = body;
  return out;
}

int32_t RedrivenPartition(const bus::Message& message, const DeadLetter& letter, const stages::StageSettings& stage) {
  if (message.key.has_value()) return bus::PartitionOfKey(*message.key, stage.input_partitions);
  return static_cast<int32_t>(bus::Digest64(letter.id) % static_cast<uint64_t>(stage.input_partitions));
}

}  // namespace millrace::ops
