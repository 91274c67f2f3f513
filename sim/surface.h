// What faults can do to the world. Each verb is something that happens to real deployments; none of them asks the
// production code for help.
//
// Some verbs do it at once (Crash, Reset, Destroy), some only arm something that a packet, a publish, a call or a message has
// yet to meet (Delay, Refuse, PortOutage, Misbehave): the world tells when that happens (History::strikes).
//
// Threading: the world's. Errors: a verb on what is not there (a process that is down, a connection that nobody has, a queue
// that was never made), or that would leave all as it is, does nothing and returns false: the fault has then not fired.
#ifndef MILLRACE_SIM_SURFACE_H_
#define MILLRACE_SIM_SURFACE_H_

#include <cstdint>
#include <string_view>

#include "sim/plan.h"

namespace millrace::sim {

// What a stage does with one job instead of, or besides, its work.
enum class Misbehaviour : uint8_t {
  kFail,    // returns an error `amount` times, then works
  kThrow,   // throws `amount` times, then works
  kPoison,  // InvalidArgument, always
  kSlow,    // takes `duration` longer, `amount` times
  kKill,    // kills its process, `amount` times (0: always)
};

class Surface {
 public:
  virtual ~Surface() = default;

  virtual const Plan& plan() const = 0;
  virtual int64_t now_ns() const = 0;
  virtual uint32_t processes() const = 0;  // slots, down ones included

  // Processes. A slot is a place where an instance runs; what runs in it is an incarnation.
  virtual bool Crash(uint32_t process, int64_t restart_after_ns) = 0;  // < 0: stays down until the faults are healed
  virtual bool Pause(uint32_t process, int64_t duration_ns) = 0;       // stands still, keeps its memory and connections
  // Stands still as in Pause, but for its client libraries' own threads: heartbeats go on.
  virtual bool Stick(uint32_t process, int64_t duration_ns) = 0;
  virtual bool Stop(uint32_t process,
                    int64_t restart_after_ns) = 0;  // SIGTERM: drains; comes back after that (< 0: at healing)
  virtual bool Join(uint32_t like_process) = 0;     // a new slot with the same stages
  // A new slot with the same stages and the transactional ids of `process`, as when two are given one name; and its end: all
  // such slots leave, and do not come back.
  virtual bool Twin(uint32_t process) = 0;
  virtual bool EndTwins(uint32_t process) = 0;
  virtual bool NewVersion(uint32_t process) = 0;  // its next incarnation runs the next version of the stages

  // The network between one process (or the feed: kFeed) and the broker. The link is there while the process is down too:
  // bytes of the dead travel on it, and its next incarnation finds it as it is.
  static constexpr uint32_t kFeed = UINT32_MAX;
  virtual bool Delay(uint32_t process, int64_t extra_ns, int64_t duration_ns) = 0;
  virtual bool Cut(uint32_t process, bool to_broker, bool from_broker) = 0;  // bytes of these directions stay away
  virtual bool Mend(uint32_t process) = 0;                                   // … and come in order
  virtual bool Reset(uint32_t process) = 0;     // both ends learn of a broken connection; what was on its way is gone
  virtual bool HalfOpen(uint32_t process) = 0;  // the client learns of it, the broker does not
  // The next `count` packets to the broker are lost and sent again after a while, those behind wait for them.
  virtual bool Lose(uint32_t process, uint32_t count) = 0;
  // Logs: requests to end a transaction stay away, and what the process sends behind them.
  virtual bool HoldEnds(uint32_t process, bool on) = 0;

  // The broker.
  virtual bool StopBroker() = 0;
  virtual bool StartBroker() = 0;
  virtual bool SetCoordinator(bool available) = 0;                             // logs
  virtual bool Refuse(uint16_t topic, int32_t partition, uint64_t count) = 0;  // nacks; partition < 0: whatever comes
  virtual bool LoseConfirms(
      uint32_t process, uint32_t count) = 0;  // the next `count` confirms: applied, connection breaks before it is told
  virtual bool SetAlarm(bool on) = 0;         // queues
  virtual bool Destroy(uint16_t topic, uint16_t partition,
                       uint64_t count) = 0;  // retention: the oldest `count` that are there (logs)
  virtual bool DeleteQueue(uint16_t stage, uint16_t partition) = 0;  // queues: of that stage's group
  virtual bool Unbind(uint16_t topic, int64_t duration_ns) = 0;      // queues: publishes are returned as unroutable
  virtual bool Demote(uint16_t stage, uint16_t partition) = 0;       // queues: single-active hand-over without notice
  // The stage's group gets again what it had settled last. Logs: its committed offset goes back by up to `records`, and its
  // members join again, as when a coordinator has lost its last writes or an operator has reset the group. Queues: the
  // connection of whoever has unsettled messages of the partition breaks before its next acknowledgement reaches the broker.
  virtual bool Redeliver(uint16_t stage, uint16_t partition, uint64_t records) = 0;
  virtual bool ScatterConfirms(bool on) = 0;  // queues: out of order, singly and multiple

  // Stages and what they use.
  virtual bool Misbehave(uint16_t stage, uint32_t job_id, Misbehaviour how, int64_t duration_ns, uint32_t amount) = 0;
  virtual bool PortOutage(uint16_t port, bool on) = 0;         // answers Unavailable
  virtual bool PortSlow(uint16_t port, int64_t extra_ns) = 0;  // 0: well again
  virtual bool PortUnanswered(uint16_t port,
                              uint32_t count) = 0;  // the next `count` calls: applied, and answered with an error

  // Clocks. Only the wall clock can jump.
  virtual bool JumpWall(uint32_t process, int64_t by_ns) = 0;

  // Facts for choosing a target.
  virtual uint16_t topics() const = 0;
  virtual uint16_t stages() const = 0;
  virtual uint16_t ports() const = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SURFACE_H_
