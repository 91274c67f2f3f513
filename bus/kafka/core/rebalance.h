// Between a group as librdkafka plays it and a group as the client core asks for it (bus/memory/log_membership.h): the
// core sends the requests of Kafka's protocol, librdkafka has sent them long since and tells only "these are assigned",
// "these are revoked". This machine answers the former from the latter.
//
//   core                     this                     librdkafka
//   kJoin ─────────────────→ Subscribe ─────────────→ joins, syncs, heartbeats
//         ←── kJoin, kSync ── OnAssigned ←──────────── ASSIGN (and where each partition starts has been found out)
//         ←─ REBALANCE_IN_PROGRESS ── OnRevoke ←────── REVOKE
//   … settles, gives back …
//   kJoin ─────────────────→ Unassign ──────────────→ joins again
//
// A REVOKE is answered only when the core joins again, which it does after everything revoked is given back and every
// commit answered. An assignment that is lost is given back at once: there is nothing left to wait for.
//
// Cooperative groups: librdkafka tells what comes and what goes, the core is told the whole each time, so it is asked to
// join for each change and finds out by itself what is new and what it has to give back.
//
// Threading: one thread at a time. Ownership: client and `events` outlive it.
#ifndef MILLRACE_BUS_KAFKA_CORE_REBALANCE_H_
#define MILLRACE_BUS_KAFKA_CORE_REBALANCE_H_

#include <cstdint>
#include <set>
#include <vector>

#include "bus/memory/log_wire.h"
#include "bus/partition.h"

namespace millrace::bus {

// What librdkafka can be told.
class KafkaGroupClient {
 public:
  virtual ~KafkaGroupClient() = default;
  // Asks to be in the group. Later calls say the same again, after Close.
  virtual void Subscribe() = 0;
  // Gives up `partitions` (in eager groups: all), which ends a REVOKE.
  virtual void Unassign(const std::set<Partition>& partitions) = 0;
  // Gives up everything and leaves; answered by OnClosed.
  virtual void Close() = 0;
};

class KafkaRebalance {
 public:
  // Answers go to the end of `events`.
  KafkaRebalance(bool cooperative, KafkaGroupClient& client, std::vector<LogEvent>& events)
      : cooperative_(cooperative), client_(client), events_(events) {}

  // The core's: kJoin, kSync, kLeave.
  void OnRequest(const LogRequest& request);

  // librdkafka's. In cooperative groups `partitions` are those that come or go, in eager ones all.
  void OnAssigned(const std::vector<Partition>& partitions);
  void OnRevoke(const std::vector<Partition>& partitions, bool lost);
  // The group will not have us: kFencedInstance, kInconsistentProtocol, kInvalidSessionTimeout.
  void OnRefused(LogError error);
  void OnClosed();

  const std::set<Partition>& owned() const { return owned_; }
  bool leaving() const { return leave_id_ != 0; }
  // Whether something is to be given back, and librdkafka waits for it.
  bool revoking() const { return revoke_open_; }

 private:
  void OnJoin(uint64_t id);
  void AnswerJoin(uint64_t id, LogError error);
  // Has the core ask again, now or as soon as it is in.
  void Ask();
  void Tell(LogError error);
  void GiveBack();

  const bool cooperative_;
  KafkaGroupClient& client_;
  std::vector<LogEvent>& events_;
  std::set<Partition> owned_;     // as librdkafka has it
  std::set<Partition> revoking_;  // of them: going, once the core has let go
  bool revoke_open_ = false;      // librdkafka waits for Unassign
  bool revoke_told_ = false;      // the core knows which ones (cooperative)
  bool subscribed_ = false;
  bool assigned_ = false;  // there is an assignment, be it empty, that the core may be told
  bool news_ = false;      // and it has not been told
  bool core_in_ = false;   // the core has been told an assignment, and nothing to the contrary
  bool asked_ = false;     // it has been told to join again
  LogError refused_ = LogError::kNone;
  int32_t generation_ = 0;
  uint64_t join_id_ = 0;  // waits for an answer; 0: none
  uint64_t leave_id_ = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CORE_REBALANCE_H_
