// Sends and hears beats: a connection of its own, an exclusive queue bound to the group's fanout exchange, and the
// presence view fed from it.
//
// Threading: one thread at a time; Poll does everything.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_BEATS_H_
#define MILLRACE_BUS_MEMORY_QUEUE_BEATS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/memory/presence.h"
#include "bus/memory/queue_session.h"

namespace millrace::bus {

class QueueBeats : private QueueSession::Host {
 public:
  // `hands` says what to put into each beat beside what presence says.
  QueueBeats(std::string_view group, const PresenceOptions& presence, Beat self,
             std::function<std::vector<BeatHand>()> hands, const QueueSessionOptions& session,
             std::unique_ptr<QueueLink> link, MonotonicTime now);

  void Poll(MonotonicTime now);
  MonotonicTime NextTimer() const;
  void KeepAlive(MonotonicTime now) { session_.KeepAlive(now); }
  // Sends the last beat and closes the connection.
  void Leave(MonotonicTime now);

  Presence& presence() { return presence_; }
  const Presence& presence() const { return presence_; }

 private:
  void OnUp() override;
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  void SendBeat();

  std::string exchange_;
  std::string queue_;
  Presence presence_;
  const std::function<std::vector<BeatHand>()> hands_;
  MonotonicTime now_;
  bool listening_ = false;  // the consumer is in place, so our own beats come back
  QueueSession session_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_BEATS_H_
