#include "bus/kafka/kafka_operations.h"

#include <algorithm>
#include <utility>

#include "bus/kafka/core/topic_plan.h"
#include "bus/kafka/kafka_kept.h"

namespace millrace::bus {

absl::StatusOr<std::vector<TopologyItem>> KafkaOperations::Compare(const Topology& topology, Look) {
  std::vector<TopologyItem> items;
  for (const TopicSpec& spec : topology.topics) {
    const absl::StatusOr<KafkaTopic> topic = admin_.Describe(NameOnBroker(spec, url_.prefix));
    if (absl::IsNotFound(topic.status())) {
      items.push_back(CompareTopic(spec, url_, nullptr));
      continue;
    }
    if (!topic.ok()) return topic.status();
    auto settings = admin_.Settings(NameOnBroker(spec, url_.prefix));
    if (!settings.ok()) return settings.status();
    const KafkaTopicFound found{
        .partitions = topic->partitions, .replication = topic->replication, .settings = *std::move(settings)};
    items.push_back(CompareTopic(spec, url_, &found));
  }
  return items;
}

absl::StatusOr<GroupState> KafkaOperations::Group(const std::string& group, const TopicSpec& topic) {
  const absl::StatusOr<std::vector<KafkaMember>> members = admin_.Members(GroupOnBroker(group));
  if (!members.ok()) return members.status();
  const absl::StatusOr<std::vector<KafkaPlace>> places =
      admin_.Places(GroupOnBroker(group), NameOnBroker(topic, url_.prefix));
  if (!places.ok()) return places.status();
  GroupState state;
  state.source = "Kafka: committed offsets and the ends of partitions";
  state.instances = static_cast<int32_t>(members->size());
  for (size_t n = 0; n < places->size(); ++n) {
    const KafkaPlace& place = (*places)[n];
    state.partitions.push_back(
        {.partition = static_cast<int32_t>(n), .committed = place.committed, .end = place.end, .lag = place.lag});
  }
  for (const KafkaMember& member : *members) {
    const std::string name = member.name + (member.host.empty() ? "" : "@" + member.host);
    if (member.partitions.empty()) state.idle.push_back(name);
    for (const auto& [name_there, partition] : member.partitions) {
      if (name_there == NameOnBroker(topic, url_.prefix) && static_cast<size_t>(partition) < state.partitions.size())
        state.partitions[static_cast<size_t>(partition)].owner = name;
    }
  }
  return state;
}

absl::StatusOr<std::vector<OffsetMove>> KafkaOperations::PlanOffsets(const std::string& group, const TopicSpec& topic,
                                                                     const std::vector<int32_t>& partitions,
                                                                     const OffsetTarget& target) {
  const absl::StatusOr<std::vector<KafkaPlace>> places =
      admin_.Places(GroupOnBroker(group), NameOnBroker(topic, url_.prefix));
  if (!places.ok()) return places.status();
  const auto count = static_cast<int32_t>(places->size());
  for (const int32_t partition : partitions) {
    if (partition < 0 || partition >= count)
      return absl::OutOfRangeError("topic \"" + NameOnBroker(topic, url_.prefix) + "\" has no partition " +
                                   std::to_string(partition) + ": it has 0 to " + std::to_string(count - 1));
  }
  std::vector<int64_t> at(places->size(), target.value);
  if (target.kind == OffsetTarget::Kind::kTime) {
    absl::StatusOr<std::vector<int64_t>> found =
        admin_.OffsetsAt(NameOnBroker(topic, url_.prefix), count, target.value);
    if (!found.ok()) return found.status();
    at = *std::move(found);
  }
  std::vector<OffsetMove> moves;
  for (int32_t n = 0; n < count; ++n) {
    if (!partitions.empty() && std::find(partitions.begin(), partitions.end(), n) == partitions.end()) continue;
    const KafkaPlace& place = (*places)[static_cast<size_t>(n)];
    int64_t to = at[static_cast<size_t>(n)];
    if (target.kind == OffsetTarget::Kind::kEarliest) to = place.start;
    if (target.kind == OffsetTarget::Kind::kTime && to < 0) to = place.end;
    moves.push_back({.partition = n,
                     .from = place.committed,
                     .to = std::clamp(to, place.start, place.end),
                     .start = place.start,
                     .end = place.end});
  }
  return moves;
}

absl::Status KafkaOperations::MoveOffsets(const std::string& group, const TopicSpec& topic,
                                          std::span<const OffsetMove> moves) {
  const absl::StatusOr<std::vector<KafkaMember>> members = admin_.Members(GroupOnBroker(group));
  if (!members.ok()) return members.status();
  if (!members->empty()) {
    std::string names;
    for (size_t i = 0; i < members->size() && i < 5; ++i) names += (i > 0 ? ", " : "") + (*members)[i].name;
    return absl::FailedPreconditionError("group \"" + GroupOnBroker(group) + "\" has " +
                                         std::to_string(members->size()) + " members (" + names +
                                         "), which would commit over it: stop them first; one that was killed counts "
                                         "until its session has timed out");
  }
  std::vector<std::pair<int32_t, int64_t>> offsets;
  for (const OffsetMove& move : moves) offsets.emplace_back(move.partition, move.to);
  return admin_.SetCommitted(GroupOnBroker(group), NameOnBroker(topic, url_.prefix), offsets);
}

absl::StatusOr<std::unique_ptr<KeptReader>> KafkaOperations::OpenKept(const TopicSpec& topic) {
  return OpenKafkaKept(url_, admin_, topic);
}

}  // namespace millrace::bus
