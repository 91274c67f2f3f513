#include "bus/rabbitmq/hands_reader.h"

#include <algorithm>
#include <memory>

#include "bus/memory/queue_names.h"

namespace millrace::bus {
namespace {

constexpr uint32_t kChannel = 1;
constexpr uint32_t kConsumer = 1;
constexpr uint32_t kPrefetch = 1024;
constexpr int64_t kBeatsKept = 1024;
// Two: an answer may have been on its way when the question was asked; the answer after it was not.
constexpr int kRounds = 2;

std::unique_ptr<AmqpLink> LinkTo(const AmqpOptions& options, const Clock& clock, Waker& waker, AmqpLink** keep) {
  auto link = std::make_unique<AmqpLink>(options, clock, waker);
  *keep = link.get();
  return link;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

HandsReader::HandsReader(const AmqpOptions& options, const Clock& clock, const std::string& group, std::string self,
                         std::string ours)
    : clock_(clock),
      exchange_(PresenceExchangeName(group)),
      self_(std::move(self)),
      ours_(std::move(ours)),
      session_(LinkTo(options, clock, waker_, &link_), {}, *this),
      incarnation_(static_cast<uint64_t>(clock.Wall().ns)) {
  session_.Start(clock_.Now());
}

void HandsReader::Poll() {
  link_->Flush();
  session_.Poll(clock_.Now());
  link_->Flush();
}

absl::StatusOr<std::vector<uint64_t>> HandsReader::Ask(const std::string& topic, const std::vector<uint32_t>& consumers,
                                                       MonotonicTime deadline) {
  before_.clear();
  for (int round = 0; round < kRounds; ++round) {
    echoed_ = false;
    beats_.clear();
    bool introduced = false;
    for (;;) {
      if (!introduced && listening_) {
        introduced = true;
        ++incarnation_;
        Introduce(false);
      }
      Poll();
      if (introduced && Covered(topic, consumers)) break;
      if (introduced && !listening_) introduced = false;  // the connection was lost: once more
      if (clock_.Now() >= deadline) {
        if (introduced) Introduce(true);
        Poll();
        return absl::UnavailableError("topic '" + topic +
                                      "': not all who consume it in other processes have said in time how much they "
                                      "have in hand");
      }
      waker_.WaitUntil(std::min(deadline, session_.NextTimer()), clock_);
    }
    Introduce(true);
    Poll();
    for (const auto& [name, beat] : beats_) before_[name] = {beat.incarnation, beat.number};
  }
  std::vector<uint64_t> sums(consumers.size());
  for (const auto& [name, beat] : beats_) {
    for (const BeatHand& hand : beat.hands) {
      const auto partition = static_cast<size_t>(hand.partition);
      if (hand.topic == topic && partition < sums.size()) sums[partition] += hand.unsettled;
    }
  }
  return sums;
}

bool HandsReader::Covered(const std::string& topic, const std::vector<uint32_t>& consumers) const {
  std::vector<uint32_t> found(consumers.size());
  for (const auto& [name, beat] : beats_) {
    for (const BeatHand& hand : beat.hands) {
      const auto partition = static_cast<size_t>(hand.partition);
      if (hand.topic == topic && partition < found.size()) ++found[partition];
    }
  }
  for (size_t p = 0; p < consumers.size(); ++p) {
    if (found[p] < consumers[p]) return false;
  }
  return true;
}

void HandsReader::Introduce(bool leaving) {
  Beat beat;
  beat.name = self_;
  beat.incarnation = incarnation_;
  beat.number = leaving ? 2 : 1;
  beat.ready = false;
  beat.leaving = leaving;
  const std::string bytes = EncodeBeat(beat);
  Request request{.method = Method::kPublish, .channel = kChannel, .exchange = exchange_};
  request.message.body = bytes;
  session_.Send(request, clock_.Now());
}

void HandsReader::OnUp() {
  const MonotonicTime now = clock_.Now();
  QueueArguments arguments;
  arguments.durable = false;
  arguments.exclusive = true;
  arguments.max_length = kBeatsKept;
  const std::string queue = exchange_ + "." + self_ + "." + std::to_string(++incarnation_);
  session_.Send({.method = Method::kChannelOpen, .channel = kChannel}, now);
  session_.Send({.method = Method::kExchangeDeclare,
                 .channel = kChannel,
                 .exchange_kind = ExchangeKind::kFanout,
                 .exchange = exchange_},
                now);
  session_.Send({.method = Method::kQueueDeclare, .channel = kChannel, .queue = queue, .arguments = &arguments}, now);
  session_.Send({.method = Method::kQueueBind, .channel = kChannel, .exchange = exchange_, .queue = queue}, now);
  session_.Send({.method = Method::kQos, .channel = kChannel, .prefetch = kPrefetch}, now);
  session_.Send({.method = Method::kConsume, .channel = kChannel, .consumer = kConsumer, .queue = queue}, now);
}

void HandsReader::OnDown(const std::string&) { listening_ = false; }

void HandsReader::OnEvent(Event& event) {
  switch (event.kind) {
    case EventKind::kConsumeOk:
      listening_ = true;
      return;
    case EventKind::kChannelClosed:
    case EventKind::kCancelled:
      return session_.Reset("the presence channel was closed: " + event.text, clock_.Now());
    case EventKind::kDelivered: {
      session_.Send({.method = Method::kAck, .channel = kChannel, .tag = event.tag}, clock_.Now());
      const auto beat = DecodeBeat(event.message.body.value_or(std::string_view()));
      if (!beat.has_value()) return;
      if (beat->name == self_) {
        echoed_ = echoed_ || (beat->incarnation == incarnation_ && !beat->leaving);
        return;
      }
      if (!echoed_ || EndsWith(beat->name, ours_)) return;
      if (beat->leaving) {
        beats_.erase(beat->name);
        return;
      }
      const auto before = before_.find(beat->name);
      if (before != before_.end() && Age{beat->incarnation, beat->number} <= before->second) return;
      beats_[beat->name] = *beat;
      return;
    }
    default:
      return;
  }
}

}  // namespace millrace::bus
