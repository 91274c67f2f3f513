#include "bus/memory/open_checks.h"

#include <set>

namespace millrace::bus {
namespace {

absl::Status BadOption(const std::string& name, const std::string& why) {
  return absl::InvalidArgumentError("option " + name + ": " + why);
}

}  // namespace

absl::Status CheckTopics(const std::vector<std::string>& topics) {
  if (topics.empty()) return BadOption("topics", "names no topic");
  std::set<std::string> seen;
  for (const std::string& topic : topics) {
    if (!seen.insert(topic).second) return BadOption("topics", "names \"" + topic + "\" twice");
  }
  return absl::OkStatus();
}

absl::Status CheckConsumerOptions(const ConsumerOptions& options) {
  if (options.group.empty()) return BadOption("group", "is empty");
  if (options.batch_max == 0) return BadOption("batch_max", "is 0: a batch holds at least one message");
  if (options.prefetch == 0) return BadOption("prefetch", "is 0: nothing would ever be delivered");
  if (options.capacity < 0) return BadOption("capacity", "is negative; 0 means no bound");
  if (options.session_timeout <= Duration::zero()) return BadOption("session_timeout", "is not positive");
  if (options.heartbeat_interval <= Duration::zero()) return BadOption("heartbeat_interval", "is not positive");
  if (options.heartbeat_interval >= options.session_timeout) {
    return BadOption("heartbeat_interval",
                     "is not shorter than session_timeout: the session would end between two heartbeats");
  }
  if (options.revoke_timeout < Duration::zero()) return BadOption("revoke_timeout", "is negative");
  return CheckTopics(options.topics);
}

absl::Status NoTransactions(const std::string& backend) {
  return absl::FailedPreconditionError(backend + " has no transactions: open it without (at-least-once delivery)");
}

absl::Status NoSuchTopic(const std::string& topic) {
  return absl::NotFoundError("topic \"" + topic + "\" does not exist: apply a topology that has it first");
}

absl::Status NoSuchGroup(const std::string& group, const std::string& topic) {
  return absl::NotFoundError("group \"" + group + "\" is not declared for topic \"" + topic +
                             "\": name it in the topology's TopicSpec::groups");
}

absl::Status NoSuchPartition(const std::string& topic, int32_t partition) {
  return absl::NotFoundError("topic \"" + topic + "\" has no partition " + std::to_string(partition));
}

absl::Status KeepsNothing(const std::string& topic) {
  return absl::FailedPreconditionError("topic \"" + topic +
                                       "\" does not keep what is settled: set TopicSpec::keep before publishing to it");
}

absl::Status LoadedTooLate(const std::string& path) {
  return absl::FailedPreconditionError("saved bus \"" + path +
                                       "\": load it before applying a topology or opening anything");
}

absl::Status OtherSemantics(const std::string& path, std::string_view theirs, std::string_view ours) {
  return absl::FailedPreconditionError(
      "saved bus \"" + path + "\": it was saved with semantics=" + std::string(theirs) +
      ", this bus has semantics=" + std::string(ours) + ": open mem:?semantics=" + std::string(theirs));
}

void SaveSpec(const TopicSpec& spec, SnapshotWriter& out) {
  out.Bytes(spec.name);
  out.Number(static_cast<uint64_t>(spec.partitions));
  out.Number(spec.ordered ? 1 : 0);
  out.Number(spec.keep ? 1 : 0);
  out.Number(spec.backlog_bytes_max);
  out.Number(spec.groups.size());
  for (const std::string& group : spec.groups) out.Bytes(group);
}

TopicSpec LoadSpec(SnapshotReader& in) {
  TopicSpec spec;
  spec.name = in.Bytes();
  spec.partitions = static_cast<int32_t>(in.Number(INT32_MAX));
  spec.ordered = in.Number(1) != 0;
  spec.keep = in.Number(1) != 0;
  spec.backlog_bytes_max = in.Number();
  const uint64_t groups = in.Number(uint64_t{1} << 20);
  for (uint64_t g = 0; g < groups && in.ok(); ++g) spec.groups.push_back(in.Bytes());
  return spec;
}

}  // namespace millrace::bus
