#include "bus/rabbitmq/amqp_link.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace millrace::bus {
namespace {

constexpr size_t kFlushBytes = 64 << 10;  // of a batch that is worth a call of its own
constexpr size_t kPendingMax = 1 << 20;   // what the socket has not taken: beyond it nothing more is published
constexpr Duration kLinger = std::chrono::milliseconds(250);

}  // namespace

AmqpLink::AmqpLink(const AmqpOptions& options, const Clock& clock, Waker& waker)
    : options_(options), clock_(clock), waker_(waker), frame_max_(options.frame_max), thread_([this] { Run(); }) {}

AmqpLink::~AmqpLink() {
  Flush();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    quit_ = true;
    wanted_changed_.notify_all();
  }
  bell_.Ring();
  thread_.join();
}

// ---------------------------------------------------------------- the caller's side

void AmqpLink::Connect(MonotonicTime) {
  batch_.Clear();
  notes_.clear();
  told_open_ = false;
  refused_.clear();
  refusals_.clear();
  std::lock_guard<std::mutex> lock(mutex_);
  ++generation_;
  wanted_ = true;
  closing_ = false;
  mailbox_.clear();
  pending_.Clear();
  EndChannels();
  full_ = false;
  wanted_changed_.notify_all();
}

void AmqpLink::Drop(MonotonicTime) {
  batch_.Clear();
  notes_.clear();
  told_open_ = false;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!wanted_) return;
  ++generation_;
  wanted_ = false;
  mailbox_.clear();
  pending_.Clear();
  EndChannels();
  full_ = false;
  bell_.Ring();
}

void AmqpLink::Send(const Request& request, MonotonicTime) {
  if (!told_open_) return;
  if (request.channel > channel_max_) return Refuse(request);
  encoder_.Encode(request, batch_);
  if (request.method != Method::kPublish && request.method != Method::kAck) NoteSent(request);
  if (batch_.size() >= kFlushBytes) Flush();
}

// The server would close the connection over it, and with it all other channels.
void AmqpLink::Refuse(const Request& request) {
  if (request.method != Method::kChannelOpen) return;
  Event& event = refusals_.emplace_back();
  event.kind = EventKind::kChannelClosed;
  event.channel = request.channel;
  event.code = kNotAllowed;
  event.text = "the server allows " + std::to_string(channel_max_) +
               " channels a connection (channel_max), and each partition takes one: raise it, or use fewer partitions";
  waker_.Wake();
}

// What the link itself has to know of what was sent.
void AmqpLink::NoteSent(const Request& request) {
  if (request.method == Method::kChannelOpen || request.method == Method::kChannelClose ||
      request.method == Method::kChannelCloseOk || request.method == Method::kQueueDeclare) {
    notes_.emplace_back(static_cast<uint16_t>(request.channel), request.method);
  }
  if (request.method == Method::kConnectionClose) {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
}

void AmqpLink::Flush() {
  if (batch_.empty()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (socket_ != nullptr) {
    for (const auto& [channel, method] : notes_) NoteChannel(channel, method);
    const bool waiting = !pending_.empty();
    if (waiting) {
      pending_.Append(batch_.View());
    } else {
      std::swap(pending_, batch_);
      SendPending(By::kOthers);
    }
    full_ = pending_.size() > kPendingMax;
    if (!waiting && !pending_.empty()) bell_.Ring();  // so that the thread waits for room
  }
  batch_.Clear();
  notes_.clear();
}

// Under the lock, together with the bytes: so nothing is asked on a channel before it is open, or after its end.
void AmqpLink::NoteChannel(uint16_t channel, Method method) {
  switch (method) {
    case Method::kChannelOpen:
      channels_[channel] = {};
      return;
    case Method::kChannelCloseOk:
      channels_.erase(channel);
      return;
    case Method::kChannelClose:
      channels_[channel].closing = true;
      return;
    case Method::kQueueDeclare:
      channels_[channel].declares.push_back(false);
      return;
    default:
      return;
  }
}

void AmqpLink::Receive(std::vector<Event>& events) {
  Flush();
  events.clear();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::swap(events, mailbox_);
    if (!told_open_ && !events.empty()) {
      encoder_.Agree(agreement_);
      frame_max_ = agreement_.frame_max;
      channel_max_ = agreement_.channel_max;
    }
  }
  for (const Event& event : events) {
    if (event.kind == EventKind::kConnectionOpened) told_open_ = true;
    if (event.kind == EventKind::kConnectionClosed) told_open_ = false;
  }
  std::move(refusals_.begin(), refusals_.end(), std::back_inserter(events));
  refusals_.clear();
}

// ---------------------------------------------------------------- depths

void AmqpLink::NoteSettled(uint32_t channel, uint64_t settled) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = channels_.find(static_cast<uint16_t>(channel));
  if (it != channels_.end()) it->second.settled = settled;
}

void AmqpLink::EndChannels() {
  channels_.clear();
  for (auto& [channel, ask] : asks_) ask.over = true;
  asks_changed_.notify_all();
}

std::vector<AmqpLink::Depth> AmqpLink::Depths(const std::vector<Probe>& probes, MonotonicTime deadline) {
  std::lock_guard<std::mutex> one(depths_mutex_);
  std::unique_lock<std::mutex> lock(mutex_);
  ByteBuffer out;
  AmqpEncoder encoder;
  asks_.clear();
  for (const Probe& probe : probes) {
    const auto channel = static_cast<uint16_t>(probe.channel);
    const auto it = channels_.find(channel);
    if (it == channels_.end()) continue;
    Ask& ask = asks_[channel];
    ask.queue = probe.queue;
    ask.depth.state = Depth::State::kMoving;
    ask.over = it->second.closing;
    if (ask.over) continue;
    it->second.declares.push_back(true);
    encoder.Encode({.method = Method::kQueueDeclare, .channel = channel, .passive = true, .queue = ask.queue}, out);
  }
  if (!out.empty() && socket_ != nullptr) {
    const bool waiting = !pending_.empty();
    pending_.Append(out.View());
    if (!waiting) SendPending(By::kOthers);
    if (!pending_.empty()) bell_.Ring();
  }
  const auto answered = [&] {
    return std::all_of(asks_.begin(), asks_.end(), [](const auto& ask) { return ask.second.over; });
  };
  asks_changed_.wait_for(lock, deadline - clock_.Now(), answered);
  std::vector<Depth> depths;
  for (const Probe& probe : probes) {
    const auto it = asks_.find(static_cast<uint16_t>(probe.channel));
    depths.push_back(it == asks_.end() ? Depth{} : it->second.depth);
  }
  asks_.clear();
  return depths;
}

// Two rounds: a delivery that had left the queue when the first answer was given may follow that answer, but not the
// second one, which was asked for later on the same channel.
bool AmqpLink::OnDeclared(const Event& event, const AmqpDecoder& decoder, ByteBuffer& out) {
  const auto channel = static_cast<uint16_t>(event.channel);
  const auto at = channels_.find(channel);
  if (at == channels_.end() || at->second.declares.empty()) return false;
  const bool ours = at->second.declares.front();
  at->second.declares.pop_front();
  if (!ours) return false;
  const auto it = asks_.find(channel);
  if (it == asks_.end() || it->second.over) return true;  // asked by somebody who has given up
  Ask& ask = it->second;
  if (++ask.answers == 1 && !at->second.closing) {
    ask.depth.ready = event.messages;
    ask.depth.consumers = event.consumers;
    at->second.declares.push_back(true);
    AmqpEncoder().Encode({.method = Method::kQueueDeclare, .channel = channel, .passive = true, .queue = ask.queue},
                         out);
    return true;
  }
  if (ask.answers == 2) {
    ask.depth.state = Depth::State::kKnown;
    ask.depth.in_hand = decoder.LastTag(channel) - std::min(decoder.LastTag(channel), at->second.settled);
  }
  ask.over = true;
  asks_changed_.notify_all();
  return true;
}

void AmqpLink::TakeAnswers(std::vector<Event>& events, const AmqpDecoder& decoder, ByteBuffer& out) {
  std::erase_if(events, [&](const Event& event) {
    if (event.kind == EventKind::kQueueDeclared) return OnDeclared(event, decoder, out);
    if (event.kind != EventKind::kChannelClosed && event.kind != EventKind::kChannelCloseOk) {
      return event.kind == EventKind::kHeartbeat;  // heard here
    }
    const auto channel = static_cast<uint16_t>(event.channel);
    if (event.kind == EventKind::kChannelCloseOk) {
      channels_.erase(channel);
    } else {
      channels_[channel].closing = true;
      channels_[channel].declares.clear();
    }
    const auto it = asks_.find(channel);
    if (it != asks_.end()) {
      it->second.over = true;
      asks_changed_.notify_all();
    }
    return false;
  });
}

// ---------------------------------------------------------------- the thread

void AmqpLink::Run() {
  uint64_t served = 0;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wanted_changed_.wait(lock, [&] { return quit_ || (wanted_ && generation_ != served); });
      if (quit_) return;
      served = generation_;
    }
    Serve(served);
  }
}

bool AmqpLink::Wanted(uint64_t generation) {
  std::lock_guard<std::mutex> lock(mutex_);
  return !quit_ && wanted_ && generation_ == generation;
}

bool AmqpLink::Deliver(uint64_t generation, std::vector<Event>& events) {
  if (events.empty()) return true;
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!wanted_ || generation_ != generation) return false;
    wake = mailbox_.empty();
    if (wake) {
      std::swap(mailbox_, events);
    } else {
      std::move(events.begin(), events.end(), std::back_inserter(mailbox_));
    }
  }
  events.clear();
  if (wake) waker_.Wake();
  return true;
}

int AmqpLink::WaitMs(MonotonicTime until) const {
  if (until == MonotonicTime::Infinite()) return -1;
  const int64_t ns = std::max<int64_t>((until - clock_.Now()).count(), 0);
  return static_cast<int>(std::min<int64_t>(ns / 1'000'000 + 1, 60'000));
}

void AmqpLink::Serve(uint64_t generation) {
  AmqpDecoder decoder(options_);
  const std::unique_ptr<AmqpSocket> socket = Open(generation, decoder);
  if (socket == nullptr) return;
  Loop(generation, decoder, *socket);
  std::lock_guard<std::mutex> lock(mutex_);
  if (socket_ == socket.get()) socket_ = nullptr;
  pending_.Clear();
}

std::unique_ptr<AmqpSocket> AmqpLink::Open(uint64_t generation, AmqpDecoder& decoder) {
  std::string why;
  uint16_t code = 0;
  for (size_t tries = 0; tries < options_.hosts.size() && Wanted(generation); ++tries) {
    const AmqpHost& host = options_.hosts[next_host_ % options_.hosts.size()];
    std::string reason;
    const int fd = ConnectTo(
        host, options_.connect_timeout, bell_, [&] { return !Wanted(generation); }, reason);
    if (fd >= 0) {
      std::unique_ptr<TlsSession> tls;
      absl::Status secured;
      if (options_.tls.on) {
        absl::StatusOr<std::unique_ptr<TlsSession>> opened = TlsSession::Open(options_.tls, host.name);
        secured = opened.status();
        if (secured.ok()) tls = *std::move(opened);
      }
      auto socket = std::make_unique<AmqpSocket>(fd, std::move(tls));
      if (!secured.ok()) {
        reason = std::string(secured.message());
      } else if (Handshake(generation, decoder, *socket, reason, code)) {
        return socket;
      }
      std::lock_guard<std::mutex> lock(mutex_);
      if (socket_ == socket.get()) socket_ = nullptr;
      reason = NameOf(host) + ": " + reason;
    }
    why.append(why.empty() ? "" : "; ").append(reason);
    ++next_host_;
  }
  std::vector<Event> events(1);
  events[0].kind = EventKind::kConnectionClosed;
  events[0].code = code;
  events[0].text = why;
  Deliver(generation, events);
  return nullptr;
}

// Answers go out at once: nobody else writes yet, and they are few. With TLS they wait until its own handshake is over.
bool AmqpLink::Handshake(uint64_t generation, AmqpDecoder& decoder, AmqpSocket& socket, std::string& why,
                         uint16_t& code) {
  decoder.Reset();
  const MonotonicTime deadline = clock_.Now() + options_.connect_timeout;
  ByteBuffer out;
  std::vector<Event> events;
  decoder.Start(out);
  for (;;) {
    while (!out.empty()) {
      const size_t sent = socket.Send(out.View());
      if (sent == 0) break;  // what there is to say about it comes with the read
      out.RemovePrefix(sent);
    }
    pollfd fds[2] = {{socket.fd(), POLLIN, 0}, {bell_.fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, WaitMs(deadline));
    if (fds[1].revents != 0) bell_.Silence();
    if (!Wanted(generation)) {
      why = "given up";
      return false;
    }
    if (clock_.Now() >= deadline) {
      why = "the server did not finish the handshake in time";
      return false;
    }
    if (ready <= 0 || fds[0].revents == 0) continue;
    const bool ended = !ReadInto(decoder, socket, why);
    const bool alive = decoder.Decode(events, out);
    if (!alive) {
      why = events.back().text;
      code = events.back().code;
      socket.Send(out.View());
      return false;
    }
    if (ended) return false;
    if (!decoder.open()) continue;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (generation_ != generation || !wanted_) return false;
      agreement_ = decoder.agreement();
      socket_ = &socket;
      pending_.Clear();
      sent_ = true;
    }
    return Deliver(generation, events);
  }
}

// False where the connection has ended; what came before is in the decoder's input.
bool AmqpLink::ReadInto(AmqpDecoder& decoder, AmqpSocket& socket, std::string& why) {
  std::string reason;
  if (socket.Receive(decoder.input(), reason)) return true;
  // What TLS has to say stands for itself; a bare error of the socket is explained by what was under way.
  if (!socket.AnyThreadSends() && !reason.empty()) {
    why = reason;
  } else {
    why = decoder.WhyEnded();
    if (!reason.empty()) why.append(" (").append(reason).append(")");
  }
  return false;
}

void AmqpLink::SendPending(By by) {
  if (by == By::kLink || socket_->AnyThreadSends()) {
    if (socket_->Unsent()) socket_->Send({});
    while (!pending_.empty()) {
      const size_t sent = socket_->Send(pending_.View());
      if (sent == 0) break;  // full; or broken, which the thread will see
      sent_ = true;
      pending_.RemovePrefix(sent);
    }
  }
  full_ = pending_.size() > kPendingMax;
}

void AmqpLink::Loop(uint64_t generation, AmqpDecoder& decoder, AmqpSocket& socket) {
  const Duration heartbeat = decoder.agreement().heartbeat;
  const bool beats = heartbeat > Duration::zero();
  MonotonicTime heard_at = clock_.Now();
  MonotonicTime beat_at = beats ? heard_at + heartbeat / 2 : MonotonicTime::Infinite();
  MonotonicTime end_at = MonotonicTime::Infinite();  // of lingering
  std::vector<Event> events;
  ByteBuffer out;
  for (;;) {
    bool want_write = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (generation_ != generation || !wanted_) return;
      if (quit_ && !closing_) return;
      if (quit_ && end_at == MonotonicTime::Infinite()) end_at = clock_.Now() + kLinger;
      want_write = !pending_.empty() || socket.Unsent();
    }
    const MonotonicTime silent_at = beats ? heard_at + 2 * heartbeat : MonotonicTime::Infinite();
    pollfd fds[2] = {{socket.fd(), static_cast<short>(POLLIN | (want_write ? POLLOUT : 0)), 0},
                     {bell_.fd(), POLLIN, 0}};
    poll(fds, 2, WaitMs(std::min({beat_at, silent_at, end_at})));
    const MonotonicTime now = clock_.Now();
    if (now >= end_at) return;
    if (fds[1].revents != 0) bell_.Silence();
    std::string why;
    bool alive = true;
    if ((fds[0].revents & ~POLLOUT) != 0) {
      heard_at = now;
      const bool ended = !ReadInto(decoder, socket, why);
      alive = decoder.Decode(events, out);
      if (alive && ended) {
        events.emplace_back().kind = EventKind::kConnectionClosed;
        events.back().text = why;
        alive = false;
      }
    } else if (now >= silent_at) {
      events.emplace_back().kind = EventKind::kConnectionClosed;
      events.back().text = "the server has been silent for too long";
      alive = false;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (now >= beat_at) {
        if (!sent_) AppendHeartbeat(out);
        sent_ = false;
        beat_at = now + heartbeat / 2;
      }
      TakeAnswers(events, decoder, out);
      const bool was_full = full_;
      if (!out.empty()) pending_.Append(out.View());
      out.Clear();
      if (generation_ == generation && socket_ == &socket) SendPending(By::kLink);
      if (was_full && !full_) events.emplace_back().kind = EventKind::kWritable;
      // What comes from here on would follow the last event.
      if (!alive && socket_ == &socket) socket_ = nullptr;
      if (!alive) EndChannels();
    }
    if (!Deliver(generation, events) || !alive) return;
  }
}

}  // namespace millrace::bus
