// What both faces of mem: say alike: checks of options, errors, a topic's specification in a saved file.
//
// Threading: pure.
#ifndef MILLRACE_BUS_MEMORY_OPEN_CHECKS_H_
#define MILLRACE_BUS_MEMORY_OPEN_CHECKS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/memory/snapshot.h"

namespace millrace::bus {

// InvalidArgument names the option.
absl::Status CheckConsumerOptions(const ConsumerOptions& options);
absl::Status CheckTopics(const std::vector<std::string>& topics);

// A backend without transactions is asked for them.
absl::Status NoTransactions(const std::string& backend);
absl::Status NoSuchTopic(const std::string& topic);
absl::Status NoSuchGroup(const std::string& group, const std::string& topic);
absl::Status NoSuchPartition(const std::string& topic, int32_t partition);
absl::Status KeepsNothing(const std::string& topic);
absl::Status LoadedTooLate(const std::string& path);
absl::Status OtherSemantics(const std::string& path, std::string_view theirs, std::string_view ours);

//   name, partitions, ordered, keep, backlog_bytes_max, count of groups, their names
void SaveSpec(const TopicSpec& spec, SnapshotWriter& out);
TopicSpec LoadSpec(SnapshotReader& in);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_OPEN_CHECKS_H_
