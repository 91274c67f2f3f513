#include "bus/memory/queue_beats.h"

#include <algorithm>
#include <utility>

#include "bus/memory/queue_names.h"

namespace millrace::bus {
namespace {

constexpr uint32_t kChannel = 1;
constexpr uint32_t kConsumer = 1;
constexpr uint32_t kPrefetch = 256;
constexpr int64_t kBeatsKept = 1024;  // for an instance that does not look: old beats are worth nothing

}  // namespace

QueueBeats::QueueBeats(std::string_view group, const PresenceOptions& presence, Beat self,
                       std::function<std::vector<BeatHand>()> hands, const QueueSessionOptions& session,
                       std::unique_ptr<QueueLink> link, MonotonicTime now)
    : exchange_(PresenceExchangeName(group)),
      queue_(exchange_ + "." + self.name + "." + std::to_string(self.incarnation)),
      presence_(presence, std::move(self), now),
      hands_(std::move(hands)),
      now_(now),
      session_(std::move(link), session, *this) {
  session_.Start(now);
}

void QueueBeats::Poll(MonotonicTime now) {
  now_ = now;
  session_.Poll(now_);
  for (int i = 0; i < 2 && listening_ && presence_.BeatDue(now_); ++i) {
    SendBeat();
    session_.Poll(now_);
  }
}

MonotonicTime QueueBeats::NextTimer() const {
  const MonotonicTime next = std::min(session_.NextTimer(), presence_.SettledAt(now_));
  return listening_ ? std::min(next, presence_.NextBeatAt()) : next;
}

void QueueBeats::Leave(MonotonicTime now) {
  now_ = now;
  presence_.Leave();
  if (listening_) SendBeat();
  listening_ = false;
  session_.Close(now_);
}

void QueueBeats::SendBeat() {
  Beat beat = presence_.NextBeat(now_);
  beat.hands = hands_();
  const std::string bytes = EncodeBeat(beat);
  Request request{.method = Method::kPublish, .channel = kChannel, .exchange = exchange_};
  request.message.body = bytes;
  session_.Send(request, now_);
}

void QueueBeats::OnUp() {
  QueueArguments arguments;
  arguments.durable = false;
  arguments.exclusive = true;
  arguments.max_length = kBeatsKept;
  session_.Send({.method = Method::kChannelOpen, .channel = kChannel}, now_);
  session_.Send({.method = Method::kExchangeDeclare,
                 .channel = kChannel,
                 .exchange_kind = ExchangeKind::kFanout,
                 .exchange = exchange_},
                now_);
  session_.Send({.method = Method::kQueueDeclare, .channel = kChannel, .queue = queue_, .arguments = &arguments}, now_);
  session_.Send({.method = Method::kQueueBind, .channel = kChannel, .exchange = exchange_, .queue = queue_}, now_);
  session_.Send({.method = Method::kQos, .channel = kChannel, .prefetch = kPrefetch}, now_);
  session_.Send({.method = Method::kConsume, .channel = kChannel, .consumer = kConsumer, .queue = queue_}, now_);
}

void QueueBeats::OnDown(const std::string&) { listening_ = false; }

void QueueBeats::OnEvent(Event& event) {
  switch (event.kind) {
    case EventKind::kConsumeOk:
      listening_ = true;
      return;
    case EventKind::kDelivered:
      session_.Send({.method = Method::kAck, .channel = kChannel, .tag = event.tag}, now_);
      if (const auto beat = DecodeBeat(event.message.body.value_or(std::string_view()))) presence_.Heard(*beat, now_);
      return;
    case EventKind::kChannelClosed:
    case EventKind::kCancelled:
      // Nothing here is worth saving: begin anew with a fresh connection.
      session_.Reset("the presence channel was closed: " + event.text, now_);
      return;
    default:
      return;
  }
}

}  // namespace millrace::bus
