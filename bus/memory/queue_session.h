// Keeps one connection to a queue broker: connects, comes back with growing pauses after a loss, sends and watches
// heartbeats.
//
// Threading: one thread at a time; host calls come from inside Poll only.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_SESSION_H_
#define MILLRACE_BUS_MEMORY_QUEUE_SESSION_H_

#include <memory>
#include <string>
#include <vector>

#include "bus/clock.h"
#include "bus/memory/queue_wire.h"

namespace millrace::bus {

struct QueueSessionOptions {
  Duration backoff_min = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(5);
  // A heartbeat is sent at half of this; a server silent for twice as long is given up. 0: off.
  Duration heartbeat = Duration::zero();
  uint64_t salt = 0;  // of the jitter of pauses
};

class QueueSession {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    virtual void OnUp() = 0;
    // Everything of that connection is gone: channels, tags, consumers, unconfirmed publishes.
    virtual void OnDown(const std::string& why) = 0;
    // Everything that is not about the connection. The host may take the event apart.
    virtual void OnEvent(Event& event) = 0;
  };

  QueueSession(std::unique_ptr<QueueLink> link, const QueueSessionOptions& options, Host& host);

  void Start(MonotonicTime now);
  // Receives and hands on; does what time has made due. Goes on while answers come at once, but stops after a round
  // that delivered messages. Returns whether anything came.
  bool Poll(MonotonicTime now);
  void Send(const Request& request, MonotonicTime now);
  // What goes on in a client library's own thread while nobody polls: heartbeats go out, and what comes waits for the next
  // Poll and shows that the server is there.
  void KeepAlive(MonotonicTime now);
  // Asks the server to close and does not come back. Until the server has answered, Poll goes on as usual.
  void Close(MonotonicTime now);
  // Cuts the connection and begins again, telling OnDown.
  void Reset(const std::string& why, MonotonicTime now);
  MonotonicTime NextTimer() const;

  bool open() const { return state_ == State::kOpen; }
  bool closed() const { return state_ == State::kClosed; }
  bool blocked() const { return blocked_; }
  // Whether what is sent now goes out rather than pile up.
  bool writable() const { return taking() && room(); }
  // Its two halves: what only Poll changes, and what sending does.
  bool taking() const { return state_ == State::kOpen && !blocked_; }
  bool room() const { return link_->Writable(); }

 private:
  enum class State { kDown, kConnecting, kOpen, kClosing, kClosed };

  bool Round(MonotonicTime now);
  void Beat(MonotonicTime now);
  void Handle(Event& event, MonotonicTime now);
  void Down(const std::string& why, MonotonicTime now);

  std::unique_ptr<QueueLink> link_;
  QueueSessionOptions options_;
  Host& host_;
  State state_ = State::kDown;
  bool blocked_ = false;
  bool came_ = false;
  uint32_t failures_ = 0;
  uint64_t connects_ = 0;
  MonotonicTime retry_at_ = MonotonicTime::Infinite();
  MonotonicTime heard_at_;
  MonotonicTime beat_at_ = MonotonicTime::Infinite();
  std::vector<Event> events_;
  std::vector<Event> waiting_;  // came while nobody polled
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_SESSION_H_
