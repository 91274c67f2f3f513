#include "bus/kafka/silent_tail.h"

namespace millrace::bus {
namespace {

constexpr int kPollMs = 100;
constexpr int kSilentMs = 2000;
constexpr int kRecordsMax = 10'000;
constexpr size_t kEntriesMax = 10'000;

KafkaProperties Properties() {
  return {
      {"client.id", "millrace-tail"},
      {"group.id", "millrace-tail"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"allow.auto.create.topics", "false"},
      // The end is seen by a fetch that finds nothing.
      {"fetch.wait.max.ms", "10"},
      {"queued.max.messages.kbytes", "64"},
  };
}

}  // namespace

std::set<int32_t> KafkaSilentTail::Find(const std::string& topic, const std::vector<KafkaStretch>& stretches) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (entries_.size() > kEntriesMax) entries_.clear();
  std::vector<KafkaStretch> unknown;
  for (const KafkaStretch& stretch : stretches) {
    Entry& entry = entries_[{topic, stretch.partition, stretch.from}];
    if (entry.end != stretch.end) {
      entry = {.end = stretch.end};
    } else if (entry.known == Known::kAsked) {
      unknown.push_back(stretch);
    }
  }
  if (!unknown.empty()) Read(topic, unknown);
  std::set<int32_t> silent;
  for (const KafkaStretch& stretch : stretches) {
    if (entries_[{topic, stretch.partition, stretch.from}].known == Known::kSilent) silent.insert(stretch.partition);
  }
  return silent;
}

void KafkaSilentTail::Read(const std::string& topic, const std::vector<KafkaStretch>& stretches) {
  if (handle_ == nullptr) {
    absl::StatusOr<RdConf> conf = MakeConf(url_, Properties());
    if (!conf.ok()) return;
    const absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_CONSUMER, *std::move(conf));
    if (!handle.ok()) return;
    handle_.reset(*handle);
    rd_kafka_poll_set_consumer(handle_.get());
  }
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(stretches.size())));
  std::map<int32_t, const KafkaStretch*> open;
  for (const KafkaStretch& stretch : stretches) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), stretch.partition)->offset = stretch.from;
    open[stretch.partition] = &stretch;
  }
  if (rd_kafka_assign(handle_.get(), list.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  int waited = 0;
  for (int records = 0; !open.empty() && waited < kSilentMs && records < kRecordsMax;) {
    const RdMessage message(rd_kafka_consumer_poll(handle_.get(), kPollMs));
    if (message == nullptr) {
      waited += kPollMs;
      continue;
    }
    ++records;
    const auto at = open.find(message->partition);
    if (at == open.end()) continue;
    const int64_t end = at->second->end;
    Known& known = entries_[{topic, message->partition, at->second->from}].known;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      if (message->offset < end) continue;
      known = Known::kSilent;
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      known = message->offset < end ? Known::kNot : Known::kSilent;
    } else {
      continue;
    }
    open.erase(at);
  }
  rd_kafka_assign(handle_.get(), nullptr);
}

}  // namespace millrace::bus
