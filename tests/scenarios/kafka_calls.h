// What the parts of the wire share: calls with their versions, Kafka's error codes.
#ifndef MILLRACE_TESTS_SCENARIOS_KAFKA_CALLS_H_
#define MILLRACE_TESTS_SCENARIOS_KAFKA_CALLS_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "tests/scenarios/kafka_wire.h"

namespace millrace::scenarios {

inline constexpr KafkaCall kProduce{0, 7, false};
inline constexpr KafkaCall kListOffsets{2, 2, false};
inline constexpr KafkaCall kMetadata{3, 1, false};
inline constexpr KafkaCall kOffsetCommit{8, 7, false};
inline constexpr KafkaCall kOffsetFetch{9, 7, true};
inline constexpr KafkaCall kFindCoordinator{10, 1, false};
inline constexpr KafkaCall kJoinGroup{11, 5, false};
inline constexpr KafkaCall kHeartbeat{12, 3, false};
inline constexpr KafkaCall kLeaveGroup{13, 3, false};
inline constexpr KafkaCall kSyncGroup{14, 3, false};
inline constexpr KafkaCall kDescribeGroups{15, 0, false};
inline constexpr KafkaCall kInitProducerId{22, 1, false};
inline constexpr KafkaCall kAddPartitionsToTxn{24, 2, false};
inline constexpr KafkaCall kAddOffsetsToTxn{25, 2, false};
inline constexpr KafkaCall kEndTxn{26, 2, false};
inline constexpr KafkaCall kTxnOffsetCommit{28, 3, true};
inline constexpr KafkaCall kDeleteGroups{42, 0, false};
inline constexpr int kAnswerMs = 10'000;
inline constexpr Duration kPassing = std::chrono::seconds(20);
inline constexpr Duration kMarkers = std::chrono::seconds(2);

// As the model names it.
bus::LogError ErrorOfKafka(int16_t code);
// Whether an error passes by itself: COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR,
// CONCURRENT_TRANSACTIONS.
bool PassesByItself(int16_t code);

inline std::optional<std::string> Maybe(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_KAFKA_CALLS_H_
