#include "bus/rabbitmq/rabbit_kept.h"

#include <utility>

#include "bus/rabbitmq/blocking_channel.h"

namespace millrace::bus {
namespace {

constexpr uint32_t kChannelsMax = 1000;
constexpr int kTagBits = 48;  // a place is channel and delivery tag in one number
constexpr Duration kQuiet = std::chrono::milliseconds(200);
constexpr Duration kGoing = std::chrono::seconds(3);
constexpr uint32_t kFlushing = 1'000'000;  // consumer tags that are not ours to read with

class RabbitKept final : public KeptReader {
 public:
  RabbitKept(const AmqpOptions& options, const Clock& clock, std::string queue, Duration time, uint32_t prefetch)
      : clock_(clock), queue_(std::move(queue)), time_(time), prefetch_(prefetch), server_(options, clock) {}

  absl::Status Open() {
    absl::StatusOr<Event> look = Look();
    // Who has just gone is there for a moment, with all that he held.
    for (const MonotonicTime end = clock_.Now() + kGoing; look.ok() && look->consumers > 0 && clock_.Now() < end;) {
      const absl::StatusOr<std::deque<Event>> pause = server_.Deliveries(clock_.Now() + kQuiet);
      if (!pause.ok()) return pause.status();
      look = Look();
    }
    if (!look.ok()) return look.status();
    there_ = look->messages;
    others_ = look->consumers;
    return absl::OkStatus();
  }

  absl::Status Read(const std::function<absl::Status(const KeptMessage&)>& each) override {
    if (absl::Status s = Consume(); !s.ok()) return s;
    uint64_t told = 0;
    int empty = 0;
    while (told < there_ && empty < 2) {
      absl::StatusOr<std::deque<Event>> came = server_.Deliveries(clock_.Now() + kQuiet);
      if (!came.ok()) return came.status();
      for (const Event& event : *came) {
        if (told == there_) continue;  // came later than the reader
        ++told;
        KeptMessage kept{.place = uint64_t{event.channel} << kTagBits | event.tag, .message = event.message};
        if (absl::Status s = each(kept); !s.ok()) return s;
      }
      // Our channels hold as many as they may: nothing more would come.
      if (told < there_ && told - removed_ == uint64_t{channel_} * prefetch_) {
        if (absl::Status s = Consume(); !s.ok()) return s;
      }
      if (!came->empty()) {
        empty = 0;
        continue;
      }
      // Twice nothing ready, and nothing came in between: what is missing somebody else holds.
      const absl::StatusOr<Event> look = Look();
      if (!look.ok()) return look.status();
      empty = look->messages == 0 ? empty + 1 : 0;
      // Our channels hold as many as they may.
      if (look->messages > 0) {
        if (absl::Status s = Consume(); !s.ok()) return s;
      }
    }
    missing_ = there_ - told;
    return absl::OkStatus();
  }

  absl::Status Remove(std::span<const uint64_t> places, std::string_view) override {
    if (places.empty()) return absl::OkStatus();
    removed_ += places.size();
    for (const uint64_t place : places) {
      server_.Send({.method = Method::kAck,
                    .channel = static_cast<uint32_t>(place >> kTagBits),
                    .tag = place & ((uint64_t{1} << kTagBits) - 1)});
    }
    return Flush();
  }

  absl::StatusOr<uint64_t> Free(const std::string&) override { return 0; }

  std::string Hidden() const override {
    std::string text = "while this ran, nobody else could see what queue \"" + queue_ +
                       "\" keeps: it is held unsettled, and given back in its order at the end";
    if (others_ > 0)
      text += "; " + std::to_string(others_) + " other consumers have the queue: what they hold is not shown here";
    if (missing_ > 0) text += "; " + std::to_string(missing_) + " messages went to them meanwhile";
    return text;
  }

  absl::Status Close() override { return absl::OkStatus(); }

 private:
  MonotonicTime Deadline() const { return clock_.Now() + time_; }

  absl::StatusOr<Event> Look() {
    absl::StatusOr<Event> look =
        server_.Call({.method = Method::kQueueDeclare, .channel = 1, .passive = true, .queue = queue_}, Deadline());
    if (look.ok() && look->kind == EventKind::kChannelClosed)
      return look->code == kNotFound ? absl::NotFoundError(look->text + "; make it with: millrace topology apply")
                                     : absl::UnavailableError(look->text);
    return look;
  }

  absl::Status Expect(const Request& request, EventKind kind) {
    const absl::StatusOr<Event> answer = server_.Call(request, Deadline());
    if (!answer.ok()) return answer.status();
    return answer->kind == kind ? absl::OkStatus() : absl::UnavailableError("RabbitMQ: " + answer->text);
  }

  // On one channel more.
  absl::Status Consume() {
    if (channel_ == kChannelsMax)
      return absl::ResourceExhaustedError("more messages in queue \"" + queue_ + "\" than can be held at a time (" +
                                          std::to_string(uint64_t{kChannelsMax} * prefetch_) + ")");
    ++channel_;
    if (absl::Status s =
            Expect({.method = Method::kQos, .channel = channel_, .prefetch = prefetch_}, EventKind::kQosSet);
        !s.ok())
      return s;
    return Expect({.method = Method::kConsume, .channel = channel_, .consumer = channel_, .queue = queue_},
                  EventKind::kConsumeOk);
  }

  // A quorum queue's channel keeps settlements back beyond 32 that are on their way, and forgets them when it closes. A
  // second consumer that comes and goes is synchronous in the queue: behind it all of them have arrived.
  absl::Status Flush() {
    for (uint32_t channel = 1; channel <= channel_; ++channel) {
      const uint32_t tag = kFlushing + channel;
      if (absl::Status s = Expect({.method = Method::kConsume, .channel = channel, .consumer = tag, .queue = queue_},
                                  EventKind::kConsumeOk);
          !s.ok())
        return s;
      if (absl::Status s =
              Expect({.method = Method::kCancel, .channel = channel, .consumer = tag}, EventKind::kCancelOk);
          !s.ok())
        return s;
    }
    return absl::OkStatus();
  }

  const Clock& clock_;
  const std::string queue_;
  const Duration time_;
  const uint32_t prefetch_;  // of a channel; another is opened when it holds as many
  BlockingChannel server_;
  uint64_t there_ = 0;   // ready when it was opened
  uint64_t others_ = 0;  // consumers besides us
  uint64_t missing_ = 0;
  uint64_t removed_ = 0;
  uint32_t channel_ = 0;  // the last one that consumes
};

}  // namespace

absl::StatusOr<std::unique_ptr<KeptReader>> OpenRabbitKept(const AmqpOptions& options, const Clock& clock,
                                                           const std::string& queue, Duration time, uint32_t prefetch) {
  auto reader = std::make_unique<RabbitKept>(options, clock, queue, time, prefetch);
  if (absl::Status s = reader->Open(); !s.ok()) return s;
  return reader;
}

}  // namespace millrace::bus
