#include "bus/kafka/core/topic_plan.h"

#include <algorithm>
#include <charconv>

namespace millrace::bus {
namespace {

// What a record is framed with, with room to spare: topics made here take this much more than a message may have.
constexpr size_t kRecordRoom = 64 << 10;
constexpr size_t kBrokerDefault = 1'048'588;

size_t LimitOf(const TopicSpec& spec, const KafkaUrl& url) {
  const size_t limit = std::max(kBrokerDefault, url.message_bytes_max + kRecordRoom);
  // What a dead letter adds to its message has room.
  return spec.keep ? 2 * limit : limit;
}

// No setting, or one that is no number: as large as there is.
uint64_t NumberOf(const KafkaTopicFound& found, const std::string& name) {
  uint64_t number = UINT64_MAX;
  const auto at = found.settings.find(name);
  if (at != found.settings.end()) std::from_chars(at->second.data(), at->second.data() + at->second.size(), number);
  return number;
}

std::string SettingOf(const KafkaTopicFound& found, const std::string& name) {
  const auto at = found.settings.find(name);
  return at == found.settings.end() ? "" : at->second;
}

class Comparison {
 public:
  Comparison(const TopicSpec& spec, const KafkaUrl& url) : spec_(spec), url_(url), plan_(PlanOf(spec, url)) {
    item_.topic = spec.name;
    item_.what = "topic \"" + plan_.name + "\"";
  }

  TopologyItem Missing() {
    if (!spec_.existing.empty()) {
      Add(TopologyItem::State::kRefused, "exists", "no", "yes",
          "correct the name in the pipeline, have it made by whom it belongs to, or remove `existing`");
      return std::move(item_);
    }
    item_.state = TopologyItem::State::kMissing;
    item_.fields.push_back({"partitions", "", std::to_string(plan_.partitions)});
    item_.fields.push_back({"replication", "", plan_.replication > 0 ? std::to_string(plan_.replication) : "default"});
    for (const auto& [name, value] : plan_.settings) item_.fields.push_back({name, "", value});
    return std::move(item_);
  }

  TopologyItem With(const KafkaTopicFound& found) {
    Partitions(found);
    // What lies in a topic of others that is only read has been taken already, and how long is their affair.
    if (spec_.existing.empty() || spec_.groups.empty()) Limit(found);
    if (!spec_.existing.empty()) return std::move(item_);
    if (plan_.replication > 0 && found.replication != plan_.replication) {
      Differs("replication", std::to_string(found.replication), std::to_string(plan_.replication),
              "reassign its partitions (kafka-reassign-partitions), or say the number that it has");
    }
    Lifetime(found);
    return std::move(item_);
  }

 private:
  void Add(TopologyItem::State state, const std::string& name, const std::string& have, const std::string& want,
           const std::string& advice) {
    item_.state = std::max(item_.state, state);
    item_.fields.push_back({name, have, want});
    item_.advice += (item_.advice.empty() ? "" : "; ") + advice;
  }
  void Differs(const std::string& name, const std::string& have, const std::string& want, const std::string& advice) {
    Add(TopologyItem::State::kDiffers, name, have, want, advice);
  }

  void Partitions(const KafkaTopicFound& found) {
    if (found.partitions == spec_.partitions) return;
    const std::string have = std::to_string(found.partitions);
    Add(TopologyItem::State::kRefused, "partitions", have, std::to_string(spec_.partitions),
        "with another number keys move between partitions and lose their order, so it is not changed here: say "
        "partitions: " +
            have + " in the pipeline" +
            (spec_.existing.empty()
                 ? ", or let the topic run empty (millrace lag) and go on with a new version of it, \"" + spec_.name +
                       ".v2\""
                 : ""));
  }

  void Limit(const KafkaTopicFound& found) {
    const uint64_t most = NumberOf(found, "max.message.bytes");
    const std::string have = std::to_string(most), want = std::to_string(LimitOf(spec_, url_));
    if (most < url_.message_bytes_max) {
      Add(TopologyItem::State::kRefused, "max.message.bytes", have, want,
          "the bus takes messages of " + std::to_string(url_.message_bytes_max) +
              " bytes: raise the topic's limit, or say message_bytes_max=" + have + " in the bus URL");
    } else if (spec_.keep && most < LimitOf(spec_, url_)) {
      Differs("max.message.bytes", have, want,
              "a dead letter is larger than its message by reason and history; one that does not fit is cut: raise "
              "the topic's limit");
    }
  }

  void Lifetime(const KafkaTopicFound& found) {
    if (const std::string policy = SettingOf(found, "cleanup.policy"); policy.find("compact") != std::string::npos) {
      Differs("cleanup.policy", policy, "delete", "compaction destroys messages whose key comes again");
    }
    const std::string wanted = spec_.keep ? "-1" : spec_.retention_ms > 0 ? std::to_string(spec_.retention_ms) : "";
    const std::string time = SettingOf(found, "retention.ms"), bytes = SettingOf(found, "retention.bytes");
    if (!wanted.empty() && !time.empty() && time != wanted) {
      Differs("retention.ms", time, wanted,
              spec_.keep ? "dead letters and receipts would expire: set retention.ms=-1 on the topic"
                         : "set it on the topic, or say the same in the pipeline");
    }
    if (spec_.keep && !bytes.empty() && bytes != "-1") {
      Differs("retention.bytes", bytes, "-1", "the oldest would be deleted: set retention.bytes=-1 on the topic");
    }
  }

  const TopicSpec& spec_;
  const KafkaUrl& url_;
  const KafkaTopicPlan plan_;
  TopologyItem item_;
};

}  // namespace

KafkaTopicPlan PlanOf(const TopicSpec& spec, const KafkaUrl& url) {
  KafkaTopicPlan plan{.name = NameOnBroker(spec, url.prefix),
                      .partitions = spec.partitions,
                      .replication = spec.replication > 0 ? spec.replication : url.replication,
                      .settings = {}};
  if (spec.keep) {
    // Dead letters and receipts do not expire.
    plan.settings = {{"retention.ms", "-1"}, {"retention.bytes", "-1"}};
  } else if (spec.retention_ms > 0) {
    plan.settings = {{"retention.ms", std::to_string(spec.retention_ms)}};
  }
  // A record's time is that of what it tells, be it far ahead; the default since Kafka 4 refuses what is an hour ahead,
  // and the whole batch with it.
  plan.settings.emplace_back("message.timestamp.after.max.ms", "9223372036854775807");
  plan.settings.emplace_back("max.message.bytes", std::to_string(LimitOf(spec, url)));
  return plan;
}

TopologyItem CompareTopic(const TopicSpec& spec, const KafkaUrl& url, const KafkaTopicFound* found) {
  Comparison comparison(spec, url);
  return found == nullptr ? comparison.Missing() : comparison.With(*found);
}

}  // namespace millrace::bus
