// A QueueLink to a RabbitMQ server: one socket and one thread, which reads, decodes and keeps the heartbeat. What is
// sent is encoded by the caller's thread and collected; Flush hands it to the socket in one call.
//
//   AmqpLink link(options, clock, waker);
//   link.Connect(now);
//   ... waker is woken ... link.Receive(events);     // kConnectionOpened
//   link.Send(a, now); link.Send(b, now); link.Flush();
//
// Heartbeats are this class's own: a stage that keeps the caller's thread busy for long must not cost the connection.
//
// Effect      as QueueLink has it. Send alone sends nothing: Flush does, and Receive, and a full buffer.
// Blocking    nothing, but the destructor: it lets a close that was asked for come to its end, for a quarter of a
//             second at most (and waits for a look-up of a host's name that is under way).
// Errors      kConnectionClosed with words. No user's password is in them.
// Threading   one thread at a time calls; the waker is woken by the link's own thread.
// Ownership   clock and waker outlive the link.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_LINK_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_LINK_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/memory/queue_wire.h"
#include "bus/rabbitmq/amqp_decoder.h"
#include "bus/rabbitmq/amqp_encoder.h"
#include "bus/rabbitmq/amqp_options.h"
#include "bus/rabbitmq/amqp_socket.h"

namespace millrace::bus {

class AmqpLink : public QueueLink {
 public:
  AmqpLink(const AmqpOptions& options, const Clock& clock, Waker& waker);
  ~AmqpLink() override;

  void Connect(MonotonicTime now) override;
  void Send(const Request& request, MonotonicTime now) override;
  bool Writable() const override { return !full_.load(std::memory_order_relaxed); }
  void Drop(MonotonicTime now) override;
  void Receive(std::vector<Event>& events) override;
  void Flush();

  // ---- how much there is in queues; from any thread, also while the owner is at something else
  struct Probe {
    uint32_t channel = 0;  // one that consumes `queue`
    std::string queue;
  };
  struct Depth {
    enum class State {
      kNotHeld,  // no such channel is open
      kMoving,   // being opened or closed, or no answer: nothing can be said now
      kKnown,
    } state = State::kNotHeld;
    uint64_t ready = 0;      // waiting at the server
    uint64_t in_hand = 0;    // delivered on this channel and not settled
    uint32_t consumers = 0;  // of the queue, this one and all others
  };
  // One for each probe, at a moment after the call began: no message of the queue is in neither count, unless it is
  // settled. Blocks until the server has answered, at most until `deadline`.
  std::vector<Depth> Depths(const std::vector<Probe>& probes, MonotonicTime deadline);
  // The owner's: so many deliveries of a channel are settled.
  void NoteSettled(uint32_t channel, uint64_t settled);

  // Most bytes of one frame, as agreed at the last handshake.
  uint32_t frame_max() const { return frame_max_; }

 private:
  void Refuse(const Request& request);
  void NoteSent(const Request& request);

  // ---- the link's thread
  void Run();
  void Serve(uint64_t generation);
  bool Wanted(uint64_t generation);
  // A socket to one of the hosts and the handshake on it; nullptr with the reason told as kConnectionClosed.
  std::unique_ptr<AmqpSocket> Open(uint64_t generation, AmqpDecoder& decoder);
  bool Handshake(uint64_t generation, AmqpDecoder& decoder, AmqpSocket& socket, std::string& why, uint16_t& code);
  void Loop(uint64_t generation, AmqpDecoder& decoder, AmqpSocket& socket);
  // Takes the answers to Depths out of the events.
  void TakeAnswers(std::vector<Event>& events, const AmqpDecoder& decoder, ByteBuffer& out);
  bool OnDeclared(const Event& event, const AmqpDecoder& decoder, ByteBuffer& out);
  // Under the lock:
  void NoteChannel(uint16_t channel, Method method);
  void EndChannels();
  bool ReadInto(AmqpDecoder& decoder, AmqpSocket& socket, std::string& why);
  // Hands events over and wakes; false when nobody wants them any more.
  bool Deliver(uint64_t generation, std::vector<Event>& events);
  // Under the lock: sends what is pending as far as the socket takes it. Where only the link's own thread may send,
  // others leave it pending.
  enum class By { kLink, kOthers };
  void SendPending(By by);
  int WaitMs(MonotonicTime until) const;

  const AmqpOptions options_;
  const Clock& clock_;
  Waker& waker_;

  struct Channel {
    bool closing = false;
    std::deque<bool> declares;  // whose answers are awaited: true for Depths
    uint64_t settled = 0;
  };
  struct Ask {
    std::string queue;
    int answers = 0;
    bool over = false;
    Depth depth;
  };

  // ---- the caller's
  AmqpEncoder encoder_;
  ByteBuffer batch_;
  bool told_open_ = false;
  uint32_t frame_max_;
  uint16_t channel_max_ = kChannelMax;
  std::vector<uint32_t> refused_;  // channels beyond what the server allows
  std::vector<Event> refusals_;
  std::vector<std::pair<uint16_t, Method>> notes_;  // what the batch does to channels

  // ---- both
  std::atomic<bool> full_{false};
  Bell bell_;
  mutable std::mutex mutex_;
  std::condition_variable wanted_changed_;
  uint64_t generation_ = 0;  // of the connection that is wanted, or was
  bool wanted_ = false;
  bool quit_ = false;
  bool closing_ = false;          // connection.close is on its way
  AmqpSocket* socket_ = nullptr;  // while the connection is open
  ByteBuffer pending_;
  bool sent_ = false;  // since the last heartbeat
  AmqpAgreement agreement_;
  std::vector<Event> mailbox_;
  std::map<uint16_t, Channel> channels_;
  std::map<uint16_t, Ask> asks_;
  std::condition_variable asks_changed_;

  std::mutex depths_mutex_;  // one Depths at a time
  size_t next_host_ = 0;     // the thread's
  std::thread thread_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_LINK_H_
