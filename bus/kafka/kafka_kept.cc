#include "bus/kafka/kafka_kept.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bus/kafka/core/handled_marks.h"
#include "bus/kafka/record_copy.h"

namespace millrace::bus {
namespace {

constexpr int kPollMs = 1000;
constexpr int kSilenceMs = 30'000;  // from the broker, before it is given up
constexpr int kConfirmMs = 30'000;
constexpr size_t kMarksBytes = 500'000;  // of one record
constexpr int kOffsetBits = 48;          // a place is partition and offset in one number

struct Extent {
  int64_t start = 0;
  int64_t end = 0;
};

// Ends of a topic's partitions; NotFound where it is not there.
absl::StatusOr<std::vector<Extent>> ExtentsOf(KafkaAdmin& admin, const std::string& topic) {
  // Of no group that exists: only the ends are looked at.
  const absl::StatusOr<std::vector<KafkaPlace>> places = admin.Places("millrace-kept-reader", topic);
  if (!places.ok()) return places.status();
  std::vector<Extent> extents;
  for (const KafkaPlace& place : *places) extents.push_back({.start = place.start, .end = place.end});
  return extents;
}

// Calls `each` for every record between the ends.
template <typename Each>
absl::Status ReadBetween(const KafkaUrl& url, const std::string& topic, const std::vector<Extent>& extents,
                         Each&& each) {
  RdList list(rd_kafka_topic_partition_list_new(static_cast<int>(extents.size())));
  size_t open = 0;
  std::vector<bool> done(extents.size(), true);
  for (size_t n = 0; n < extents.size(); ++n) {
    if (extents[n].start >= extents[n].end) continue;
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<int32_t>(n))->offset = extents[n].start;
    done[n] = false;
    ++open;
  }
  if (open == 0) return absl::OkStatus();
  absl::StatusOr<RdConf> conf = MakeConf(url, {{"client.id", "millrace-kept-reader"},
                                               {"group.id", "millrace-kept-reader"},
                                               {"enable.auto.commit", "false"},
                                               {"enable.auto.offset.store", "false"},
                                               {"enable.partition.eof", "true"},
                                               {"auto.offset.reset", "earliest"},
                                               {"isolation.level", "read_committed"}});
  if (!conf.ok()) return conf.status();
  const absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_CONSUMER, *std::move(conf));
  if (!handle.ok()) return handle.status();
  const std::unique_ptr<rd_kafka_t, RdFree<rd_kafka_destroy>> owner(*handle);
  rd_kafka_poll_set_consumer(*handle);
  if (const rd_kafka_resp_err_t error = rd_kafka_assign(*handle, list.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return absl::UnavailableError("reading topic \"" + topic + "\": " + rd_kafka_err2str(error));
  const auto end = [&](int32_t partition) {
    const auto n = static_cast<size_t>(partition);
    if (done[n]) return;
    done[n] = true;
    --open;
  };
  for (int silent = 0; open > 0;) {
    const RdMessage message(rd_kafka_consumer_poll(*handle, kPollMs));
    if (message == nullptr) {
      silent += kPollMs;
      if (silent >= kSilenceMs) return absl::UnavailableError("reading topic \"" + topic + "\": no record in 30 s");
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      end(message->partition);
      continue;
    }
    // Outages pass; when they do not, silence ends it.
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    silent = 0;
    const Extent& extent = extents[static_cast<size_t>(message->partition)];
    if (message->offset < extent.end) {
      if (absl::Status s = each(*message); !s.ok()) return s;
    }
    if (message->offset + 1 >= extent.end) end(message->partition);
  }
  return absl::OkStatus();
}

// Publishes marks; durable when Send returns OK.
class MarkWriter {
 public:
  static absl::StatusOr<std::unique_ptr<MarkWriter>> Open(const KafkaUrl& url, const std::string& topic) {
    absl::StatusOr<RdConf> conf = MakeConf(url, {{"client.id", "millrace-kept-marks"},
                                                 {"acks", "all"},
                                                 {"enable.idempotence", "true"},
                                                 {"message.timeout.ms", std::to_string(kConfirmMs)}});
    if (!conf.ok()) return conf.status();
    std::unique_ptr<MarkWriter> writer(new MarkWriter(topic));
    rd_kafka_conf_set_opaque(conf->get(), writer.get());
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &OnReport);
    const absl::StatusOr<rd_kafka_t*> handle = MakeHandle(RD_KAFKA_PRODUCER, *std::move(conf));
    if (!handle.ok()) return handle.status();
    writer->handle_.reset(*handle);
    return writer;
  }

  absl::Status Send(const std::string& body, std::string_view why) {
    reported_ = false;
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        handle_.get(), RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(const_cast<char*>(body.data()), body.size()),
        RD_KAFKA_V_HEADER("mr_handled", why.data(), static_cast<ssize_t>(why.size())), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(error);
    rd_kafka_flush(handle_.get(), kConfirmMs + 5000);
    if (!reported_) return absl::DeadlineExceededError("marking in topic \"" + topic_ + "\": no answer");
    return report_ == RD_KAFKA_RESP_ERR_NO_ERROR ? absl::OkStatus() : Failed(report_);
  }

 private:
  explicit MarkWriter(std::string topic) : topic_(std::move(topic)) {}
  static void OnReport(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    static_cast<MarkWriter*>(self)->reported_ = true;
    static_cast<MarkWriter*>(self)->report_ = message->err;
  }
  absl::Status Failed(rd_kafka_resp_err_t error) const {
    return absl::UnavailableError("marking in topic \"" + topic_ + "\": " + rd_kafka_err2str(error));
  }

  const std::string topic_;
  bool reported_ = false;
  rd_kafka_resp_err_t report_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::unique_ptr<rd_kafka_t, RdFree<rd_kafka_destroy>> handle_;
};

class KafkaKept final : public KeptReader {
 public:
  KafkaKept(const KafkaUrl& url, KafkaAdmin& admin, const TopicSpec& topic, std::vector<Extent> extents)
      : url_(url),
        admin_(admin),
        topic_(url.prefix + topic.name),
        marks_topic_(topic_ + ".handled"),
        replication_(topic.replication > 0 ? topic.replication : url.replication),
        extents_(std::move(extents)) {}

  absl::Status LoadMarks() {
    const absl::StatusOr<std::vector<Extent>> extents = ExtentsOf(admin_, marks_topic_);
    if (absl::IsNotFound(extents.status())) return absl::OkStatus();
    if (!extents.ok()) return extents.status();
    return ReadBetween(url_, marks_topic_, *extents, [this](const rd_kafka_message_t& message) {
      if (message.payload != nullptr) marks_.AddAll({static_cast<const char*>(message.payload), message.len});
      return absl::OkStatus();
    });
  }

  absl::Status Read(const std::function<absl::Status(const KeptMessage&)>& each) override {
    std::string bytes;
    seen_.clear();
    return ReadBetween(url_, topic_, extents_, [&](const rd_kafka_message_t& record) {
      bytes.resize((record.key != nullptr ? record.key_len : 0) + (record.payload != nullptr ? record.len : 0) +
                   HeaderBytes(&record));
      const Message message = CopyMessage(record, bytes.data());
      const HandledMark mark{.partition = record.partition, .offset = record.offset, .digest = DigestOfRecord(message)};
      const uint64_t place = PlaceOf(record.partition, record.offset);
      seen_[place] = mark.digest;
      if (marks_.Has(mark)) return absl::OkStatus();
      return each({.partition = record.partition, .offset = record.offset, .place = place, .message = message});
    });
  }

  absl::Status Remove(std::span<const uint64_t> places, std::string_view why) override {
    if (places.empty()) return absl::OkStatus();
    if (absl::Status s = OpenWriter(); !s.ok()) return s;
    for (size_t i = 0; i < places.size();) {
      std::string body;
      std::vector<HandledMark> sent;
      for (; i < places.size() && body.size() < kMarksBytes; ++i) {
        const auto at = seen_.find(places[i]);
        if (at == seen_.end()) return absl::InvalidArgumentError("a place that this reader has not told");
        sent.push_back({.partition = static_cast<int32_t>(places[i] >> kOffsetBits),
                        .offset = static_cast<int64_t>(places[i] & ((uint64_t{1} << kOffsetBits) - 1)),
                        .digest = at->second});
        AppendMark(sent.back(), &body);
      }
      if (absl::Status s = writer_->Send(body, why); !s.ok()) return s;
      for (const HandledMark& mark : sent) marks_.Add(mark);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Free(const std::string& group) override {
    const absl::StatusOr<std::vector<KafkaPlace>> places = admin_.Places(url_.prefix + group, topic_);
    if (!places.ok()) return places.status();
    uint64_t freed = 0;
    for (size_t n = 0; n < extents_.size() && n < places->size(); ++n) {
      // From one record to the next: between them lies nothing that anybody can read.
      int64_t until = extents_[n].end;
      uint64_t count = 0;
      for (auto at = seen_.lower_bound(PlaceOf(static_cast<int32_t>(n), 0));
           at != seen_.end() && at->first >> kOffsetBits == n; ++at) {
        const auto offset = static_cast<int64_t>(at->first & ((uint64_t{1} << kOffsetBits) - 1));
        const bool collected = offset < std::max<int64_t>((*places)[n].committed, 0);
        if (!collected || !marks_.Has({static_cast<int32_t>(n), offset, at->second})) {
          until = offset;
          break;
        }
        ++count;
      }
      if (count == 0) continue;
      if (absl::Status s = admin_.DeleteRecordsBefore(topic_, static_cast<int32_t>(n), until); !s.ok()) return s;
      freed += count;
    }
    return freed;
  }

  std::string Hidden() const override { return ""; }
  absl::Status Close() override { return absl::OkStatus(); }

 private:
  static uint64_t PlaceOf(int32_t partition, int64_t offset) {
    return static_cast<uint64_t>(partition) << kOffsetBits | static_cast<uint64_t>(offset);
  }

  absl::Status OpenWriter() {
    if (writer_ != nullptr) return absl::OkStatus();
    if (absl::Status s = admin_.Create({{.name = marks_topic_,
                                         .partitions = 1,
                                         .replication = replication_,
                                         .settings = {{"retention.ms", "-1"}, {"retention.bytes", "-1"}}}});
        !s.ok())
      return s;
    absl::StatusOr<std::unique_ptr<MarkWriter>> writer = MarkWriter::Open(url_, marks_topic_);
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  const KafkaUrl& url_;
  KafkaAdmin& admin_;
  const std::string topic_;
  const std::string marks_topic_;
  const int replication_;
  const std::vector<Extent> extents_;
  HandledMarks marks_;
  std::map<uint64_t, uint64_t> seen_;  // place → digest of what lies there
  std::unique_ptr<MarkWriter> writer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<KeptReader>> OpenKafkaKept(const KafkaUrl& url, KafkaAdmin& admin,
                                                          const TopicSpec& topic) {
  absl::StatusOr<std::vector<Extent>> extents = ExtentsOf(admin, url.prefix + topic.name);
  if (!extents.ok()) return extents.status();
  auto reader = std::make_unique<KafkaKept>(url, admin, topic, *std::move(extents));
  if (absl::Status s = reader->LoadMarks(); !s.ok()) return s;
  return reader;
}

}  // namespace millrace::bus
