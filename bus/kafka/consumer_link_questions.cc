// KafkaConsumerLink: what it asks brokers, and what comes of the answers: topics, where partitions begin, whether anybody answers again. All of it
// waits on the thread beside (background.h), and is told on the driver's.
#include <algorithm>
#include <chrono>
#include <utility>

#include "bus/kafka/consumer_link.h"
#include "bus/kafka/refusal.h"

namespace millrace::bus {
namespace {

constexpr int kAskTimeoutMs = 1000;
constexpr Duration kAskAgain = std::chrono::milliseconds(200);
// An open transaction, or a coordinator that moves, holds offsets back for so long in good order.
constexpr Duration kLookQuietly = std::chrono::seconds(30);

}  // namespace

void KafkaConsumerLink::AskMetadata(uint64_t id, const std::vector<std::string>& topics, Duration pause,
                                    std::vector<LogTopicInfo> known) {
  topics_ = topics;
  const auto ask = [this, handle = handle_, id, topics, known]() -> KafkaBackground::Then {
    std::vector<LogTopicInfo> found = known;
    absl::Status refused;
    bool well = true;
    TopicQuestions questions(clock_);
    while (found.size() < topics.size()) {
      const int timeout_ms = questions.NextMs();
      if (timeout_ms == 0) break;
      const std::string& name = topics[found.size()];
      RdTopic topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
      const rd_kafka_metadata_t* metadata = nullptr;
      well = rd_kafka_metadata(handle, 0, topic.get(), &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR;
      if (!well) break;
      LogTopicInfo& info = found.emplace_back();
      info.name = name;
      if (metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        info.id = static_cast<int32_t>(found.size()) - 1;
        info.partitions = metadata->topics[0].partition_cnt;
      }
      bool unsure = metadata->topic_cnt != 1;
      if (!unsure) {
        const rd_kafka_resp_err_t answer = metadata->topics[0].err;
        if (IsNotAllowed(answer)) refused = Refusal("topic \"" + name + "\"", answer);
        unsure = answer == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || !refused.ok();
      }
      rd_kafka_metadata_destroy(metadata);
      if (unsure) {
        found.pop_back();
        well = false;
        break;
      }
    }
    const bool whole = found.size() == topics.size();
    return [this, id, topics, found, whole, well, refused] {
      if (!refused.ok()) Trouble(refused);
      if (!whole) return AskMetadata(id, topics, well ? Duration::zero() : kAskAgain, found);
      LogEvent& event = events_.emplace_back();
      event.method = LogMethod::kMetadata;
      event.id = id;
      event.detail = std::make_unique<LogDetail>();
      event.detail->topics = found;
    };
  };
  background_.Run(ask, pause);
}

void KafkaConsumerLink::AskOffsets(uint64_t id, const std::vector<Partition>& partitions) {
  // What was found out for the assignment is good for its first use, and for no later one: the partition was ours
  // ever since.
  std::vector<LogOffsets> known;
  for (Partition partition : partitions) {
    const auto at = looked_up_.find(partition);
    if (at == looked_up_.end()) continue;
    known.push_back(std::move(at->second));
    looked_up_.erase(at);
  }
  if (known.size() == partitions.size()) {
    AnswerOffsets(id, LogError::kNone, std::move(known));
    return;
  }
  background_.Run([this, handle = handle_, id, topics = topics_, partitions]() -> KafkaBackground::Then {
    absl::StatusOr<std::vector<LogOffsets>> found = LookUpOffsets(handle, topics, partitions, true, kAskTimeoutMs);
    return [this, id, found] {
      OnLookedUp(found.status());
      if (found.ok()) {
        AnswerOffsets(id, LogError::kNone, *found);
      } else {
        AnswerOffsets(id, LogError::kCoordinatorUnavailable, {});
      }
    };
  });
}

void KafkaConsumerLink::AnswerOffsets(uint64_t id, LogError error, std::vector<LogOffsets> offsets) {
  LogEvent& event = events_.emplace_back();
  event.method = LogMethod::kOffsets;
  event.id = id;
  event.error = error;
  event.detail = std::make_unique<LogDetail>();
  event.detail->offsets = std::move(offsets);
}

void KafkaConsumerLink::LookUpStarts(Duration pause) {
  const auto ask = [this, handle = handle_, topics = topics_, partitions = assigning_,
                    serial = assign_serial_]() -> KafkaBackground::Then {
    absl::StatusOr<std::vector<LogOffsets>> found = LookUpOffsets(handle, topics, partitions, true, kAskTimeoutMs);
    return [this, found, serial] {
      if (!assign_open_ || serial != assign_serial_) return;
      OnLookedUp(found.status());
      if (!found.ok()) return LookUpStarts(kAskAgain);
      Assign(*found);
    };
  };
  background_.Run(ask, pause);
}

void KafkaConsumerLink::OnLookedUp(const absl::Status& status) {
  if (status.ok()) {
    looking_since_ = MonotonicTime::Infinite();
    if (!std::exchange(look_trouble_, {}).empty()) Trouble(absl::OkStatus());
    return;
  }
  looking_since_ = std::min(looking_since_, clock_.Now());
  const bool told = absl::IsPermissionDenied(status) || clock_.Now() - looking_since_ >= kLookQuietly;
  if (!told || look_trouble_ == status.message()) return;
  look_trouble_ = std::string(status.message());
  Trouble(absl::UnavailableError("group \"" + options_.group + "\": " + look_trouble_));
}

void KafkaConsumerLink::ProbeUntilWell() {
  background_.Run(
      [this, handle = handle_]() -> KafkaBackground::Then {
        const rd_kafka_metadata_t* metadata = nullptr;
        const bool well = rd_kafka_metadata(handle, 0, nullptr, &metadata, kAskTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (well) rd_kafka_metadata_destroy(metadata);
        return [this, well] {
          if (!down_) return;
          if (!well) return ProbeUntilWell();
          down_ = false;
          Trouble(absl::OkStatus());
        };
      },
      kAskAgain);
}

}  // namespace millrace::bus
