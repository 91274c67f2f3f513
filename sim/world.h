// A run: processes, network, broker, feed, outside systems and faults, in virtual time.
//
// What is real in it: stages::Instance with its worker, the bus fronts, the clients of bus/memory with all their
// protocols, the stages, the attempt runner. What is simulated: time, the network (sim/wire.h), the executor, the
// outside of ports. The broker is the model of bus/memory.
//
// The parts, a file each: world.cc (the loop), world_process.h, world_life.cc, world_fibers.cc and world_ends.cc (processes), world_feed.cc, world_faults.cc (Surface),
// world_ports.cc, drivers.h (what records what a process does, and where it may die), log_side.cc and queue_side.cc (broker
// and network), attempts.cc (executor).
//
// Threading: one thread. Ownership: subject, plan and fibers outlive it. For private use by sim/simulator.h.
#ifndef MILLRACE_SIM_WORLD_H_
#define MILLRACE_SIM_WORLD_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/bus.h"
#include "bus/random.h"
#include "bus/segment.h"
#include "sim/broker_side.h"
#include "sim/fault.h"
#include "sim/fiber.h"
#include "sim/guard/stage_marker.h"
#include "sim/plan.h"
#include "sim/recorder.h"
#include "sim/run_options.h"
#include "sim/scheduler.h"
#include "sim/subject.h"
#include "sim/surface.h"
#include "sim/wire.h"
#include "sim/world_process.h"
#include "stages/instance.h"
#include "stages/port_world.h"

namespace millrace::sim {

// Purposes of random draws.
enum Purpose : uint64_t {
  kLatencyDraw = 0x6c6174656e6379,
  kServiceDraw = 0x73657276696365,
  kPortDraw = 0x706f7274,
  kPieceDraw = 0x7069656365,
};

inline constexpr uint32_t kNobody = UINT32_MAX;

class PortOfWorld;

class World final : public Surface {
 public:
  World(const Subject& subject, const Plan& plan, const RunOptions& options);
  ~World() override;

  History Run();

  // ---- for the parts

  const Subject& subject() const { return subject_; }
  const RunOptions& options() const { return options_; }
  const Random& random() const { return random_; }
  Recorder& recorder() { return recorder_; }
  MonotonicTime Now() const { return {now_}; }
  void Schedule(int64_t at_ns, What what, uint32_t a = 0, uint64_t b = 0) { scheduler_.Add(at_ns, what, a, b); }
  // Valid as long as the world.
  Weather& WeatherOf(uint32_t process) { return process == kFeed ? feed_weather_ : slots_[process].weather; }
  uint64_t NextConnection(uint32_t process) {
    return process == kFeed ? feed_connections_++ : slots_[process].connections++;
  }
  // Of a connection, numbered among those of its process: what the latencies of its packets are drawn from.
  uint64_t LuckOf(const Owner& owner, uint64_t connection) const {
    return random_.Bits(kLatencyDraw, {owner.process, owner.incarnation, connection});
  }
  int64_t Latency(const Weather& weather, uint64_t luck, uint64_t packet) const {
    const Timing& timing = plan_.timing;
    const auto spread = static_cast<uint64_t>(timing.latency_max_ns - timing.latency_min_ns) + 1;
    return timing.latency_min_ns + weather.extra_ns +
           static_cast<int64_t>(Random::Scaled(Random::And(luck, packet), spread));
  }
  // What a producer of that owner publishes, or has published, under the token.
  uint32_t MessageOfToken(const Owner& owner, uint64_t token) const;
  // While a producer is handed messages: as what they were interned, in the same order.
  class Publishing {
   public:
    Publishing(World& world, std::span<const bus::Outgoing> messages, std::span<const uint32_t> interned)
        : world_(world), messages_(messages), interned_(interned) {
      world_.publishing_ = this;
    }
    ~Publishing() { world_.publishing_ = nullptr; }
    Publishing(const Publishing&) = delete;
    Publishing& operator=(const Publishing&) = delete;

   private:
    friend class World;
    World& world_;
    const std::span<const bus::Outgoing> messages_;
    const std::span<const uint32_t> interned_;
    size_t next_ = 0;
  };
  // A message that is on its way through a producer, by where its bytes lie; kNoMessage where it is another one.
  uint32_t MessageBeingPublished(const bus::Message& message) {
    if (publishing_ == nullptr) return kNoMessage;
    const auto same = [](std::string_view a, std::string_view b) {
      return a.data() == b.data() && a.size() == b.size();
    };
    for (size_t& i = publishing_->next_; i < publishing_->messages_.size();) {
      const bus::Message& mine = publishing_->messages_[i++].message;
      if (!mine.headers.empty() && same(mine.headers.block(), message.headers.block()) &&
          same(mine.body.value_or(""), message.body.value_or("")))
        return publishing_->interned_[i - 1];
    }
    return kNoMessage;
  }
  Member& member(uint32_t index) { return *members_[index]; }
  Slot& slot(uint32_t index) { return slots_[index]; }
  // Something has come for the owner of a connection.
  void Wake(const Owner& owner);
  void Turn(Member& member);
  // … at this instant, but not inside what goes on now.
  void TurnSoon(Member& member);

  void Record(const struct Record& record) { recorder_.Add(record); }
  struct Record RecordOf(Kind kind) const {
    struct Record record;
    record.at_ns = now_;
    record.kind = kind;
    return record;
  }
  struct Record RecordOf(Kind kind, const Member& member) const {
    struct Record record = RecordOf(kind);
    record.process = static_cast<uint16_t>(member.slot);
    record.incarnation = member.incarnation;
    record.stage = member.stage;
    return record;
  }

  // An action is about to be carried out by a process. False: the process is dead and it must not be. `messages` are
  // those that the action concerns.
  bool Begin(Member& member, ActionKind kind, std::span<const uint32_t> messages);
  // … and has been.
  void End(Member& member, ActionKind kind);

  // What a stage of this member does with the message; nullptr: nothing special.
  struct Behaviour {
    uint16_t stage = 0;
    uint32_t job = kNoJob;  // index into History::jobs
    Misbehaviour how = Misbehaviour::kFail;
    int64_t duration_ns = 0;
    uint32_t amount = 0;  // still to do
    bool always = false;
    uint32_t fault = kNoFault;
  };
  Behaviour* BehaviourOf(uint16_t stage, uint32_t job, Misbehaviour how);
  bool misbehaves() const { return !behaviours_.empty(); }

  // Whether jobs that were accepted have not come to an end.
  bool InFlight() const;
  // For verbs that only arm something: the fault that fires, to be named to Strikes once something has met it.
  uint32_t Arm() {
    armed_ = true;
    return firing_;
  }
  // For verbs that take back what a fault has armed: which; kNoFault: none heals.
  uint32_t healing() const { return healing_; }
  // A fault has done something (History::strikes).
  void Strikes(uint32_t fault);

  void CrashMember(Member& member);

  // The broker has destroyed what that stage's group had not settled, up to that offset (on queues: 0): a run is not at its
  // end before the group has told of it.
  void Destroyed(uint16_t stage, uint16_t partition, uint64_t last) { untold_[{stage, partition}] = {now_, last}; }
  // A process of the group was told of what was destroyed up to there.
  void Announced(uint16_t stage, uint16_t partition, uint64_t last) {
    const auto untold = untold_.find({stage, partition});
    if (untold != untold_.end() && untold->second.last <= last) untold_.erase(untold);
  }

  // A message has killed a process: a step on the way to finding that out, as long as there are not too many.
  void Killed() {
    if (++kills_ <= kKillsMax) ++progress_;
  }

  // Progress of the ledger: something was settled, accepted or appended.
  void Progress() { ++progress_; }
  // Somebody is at work, whether anything comes of it or not: an attempt or a publish begins, a partition changes hands.
  void Moves() { moved_at_ns_ = now_; }

  // Calls on fibers: attempts that use ports, and the closing of instances.
  struct FiberCall {
    Fiber* fiber = nullptr;
    uint32_t member = 0;
    uint64_t run = 0;  // of the member's Attempts
    bool closing = false;
    uint64_t sleep = 0;               // counts sleeps: an older wake-up is void
    StageCall* stage_call = nullptr;  // while a port works: what of the stage goes on when it returns
  };
  uint32_t AddFiberCall(Member& member, uint64_t run, bool closing);
  void StartFiber(uint32_t call, std::function<void()> body);
  void ResumeFiber(uint32_t call);
  // The call whose fiber runs; kNobody outside.
  uint32_t CurrentCall() const { return call_stack_.empty() ? kNobody : call_stack_.back(); }
  const FiberCall& fiber_call(uint32_t call) const { return fiber_calls_[call]; }
  void SetStageCall(uint32_t call, StageCall* stage_call) { fiber_calls_[call].stage_call = stage_call; }
  // From inside a fiber: stands still for that long, or until somebody resumes it.
  void SleepInFiber(int64_t ns);
  stages::Ports& ports() { return ports_; }

  // ---- Surface
  const Plan& plan() const override { return plan_; }
  int64_t now_ns() const override { return now_; }
  uint32_t processes() const override { return static_cast<uint32_t>(slots_.size()); }
  bool Crash(uint32_t process, int64_t restart_after_ns) override;
  bool Pause(uint32_t process, int64_t duration_ns) override { return StandStill(process, duration_ns, 0); }
  bool Stick(uint32_t process, int64_t duration_ns) override { return StandStill(process, duration_ns, kAlive); }
  bool Stop(uint32_t process, int64_t restart_after_ns) override;
  bool Join(uint32_t like_process) override;
  bool Twin(uint32_t process) override;
  bool EndTwins(uint32_t process) override;
  bool NewVersion(uint32_t process) override;
  bool Delay(uint32_t process, int64_t extra_ns, int64_t duration_ns) override;
  bool Cut(uint32_t process, bool to_broker, bool from_broker) override;
  bool Mend(uint32_t process) override;
  bool Reset(uint32_t process) override;
  bool HalfOpen(uint32_t process) override;
  bool Lose(uint32_t process, uint32_t count) override;
  bool HoldEnds(uint32_t process, bool on) override;
  bool StopBroker() override;
  bool StartBroker() override;
  bool SetCoordinator(bool available) override;
  bool Refuse(uint16_t topic, int32_t partition, uint64_t count) override;
  bool LoseConfirms(uint32_t process, uint32_t count) override;
  bool SetAlarm(bool on) override;
  bool Destroy(uint16_t topic, uint16_t partition, uint64_t count) override;
  bool DeleteQueue(uint16_t stage, uint16_t partition) override;
  bool Unbind(uint16_t topic, int64_t duration_ns) override;
  bool Demote(uint16_t stage, uint16_t partition) override;
  bool Redeliver(uint16_t stage, uint16_t partition, uint64_t records) override;
  bool ScatterConfirms(bool on) override;
  bool Misbehave(uint16_t stage, uint32_t job_id, Misbehaviour how, int64_t duration_ns, uint32_t amount) override;
  bool PortOutage(uint16_t port, bool on) override;
  bool PortSlow(uint16_t port, int64_t extra_ns) override;
  bool PortUnanswered(uint16_t port, uint32_t count) override;
  bool JumpWall(uint32_t process, int64_t by_ns) override;
  uint16_t topics() const override { return static_cast<uint16_t>(subject_.topology().topics.size()); }
  uint16_t stages() const override { return static_cast<uint16_t>(subject_.topology().stages.size()); }
  uint16_t ports() const override { return static_cast<uint16_t>(subject_.topology().ports.size()); }

 private:
  friend class PortOfWorld;
  class Feed;

  // world.cc
  void MakeSlots();
  void MakeTriggers();
  void Handle(const Event& event);
  void Fire(uint32_t fault);
  void Heal(uint32_t fault);
  void NoteStrike(uint32_t fault, bool in_flight);
  void FireTriggered(const Member& member, ActionKind kind, std::span<const uint32_t> messages, bool after);
  bool FaultsOver() const;
  bool FaultsHealed() const;
  void Look();
  void CheckSettled();
  bool Resting() const;
  void Quiet();
  void Stuck();
  // The longest that anybody waits before it does something again; nothing of the ledger may move for several of these.
  int64_t TimerNs() const;
  void Finish();
  void BrokerDue();
  std::vector<std::string> Pending();
  void CollectFinalState();

  // world_life.cc
  void StartLife(uint32_t slot);
  void MakeMember(uint32_t slot, uint16_t stage);
  void ScheduleTurn(Member& member);
  void WakeFeed();

  // world_fibers.cc
  void FiberStopped(uint32_t call);

  // world_ends.cc
  void Bury(uint32_t slot);
  void BuryAll();
  void BeginClose(Member& member);
  void EndClose(Member& member);
  bool StandStill(uint32_t slot, int64_t duration_ns, uint8_t flags);
  void KeepAlive(uint32_t slot, uint64_t pause);
  void ResumeSlot(uint32_t slot, uint64_t pause);
  void DrainSlot(uint32_t slot);

  const Subject& subject_;
  const Plan& plan_;
  const RunOptions& options_;
  const Random random_;
  int64_t now_ = 0;
  Scheduler scheduler_;
  Recorder recorder_;
  std::unique_ptr<BrokerSide> broker_;
  int64_t broker_due_ns_ = INT64_MAX;  // an event for it is under way
  std::deque<Slot> slots_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<uint32_t> dying_;  // slots with something to bury
  bus::SegmentPool segments_;    // of what stages emit
  stages::Ports ports_;
  std::vector<std::unique_ptr<PortOfWorld>> port_worlds_;
  std::vector<stages::PortState*> port_states_;
  std::deque<FiberCall> fiber_calls_;
  std::vector<uint32_t> free_calls_;
  std::vector<uint32_t> call_stack_;

  Weather feed_weather_;
  uint64_t feed_connections_ = 0;
  Publishing* publishing_ = nullptr;
  std::unique_ptr<Feed> feed_;

  // Faults that strike at an action of a process.
  struct FaultState {
    const FaultType* type = nullptr;
    uint32_t seen = 0;  // occasions of its trigger
    bool fired = false;
    bool healed = false;
    bool struck = false;
    bool struck_in_flight = false;
    int32_t target = -1;  // as it was when it fired
  };
  std::vector<FaultState> faults_;
  std::vector<uint32_t> by_action_;  // faults with kAfterAction that have not fired
  std::vector<uint32_t> by_job_;
  std::vector<uint32_t> in_port_;
  uint32_t striking_slot_ = kNobody;  // the process that is acting while a fault strikes
  uint32_t firing_ = kNoFault;        // the fault whose verbs are at work
  uint32_t healing_ = kNoFault;       // … that takes back what it has done
  bool armed_ = false;                // … and one of them has armed something
  std::vector<Behaviour> behaviours_;

  struct Untold {
    int64_t since_ns = 0;
    uint64_t last = 0;
  };
  static constexpr uint32_t kKillsMax = 200;
  uint32_t kills_ = 0;
  std::map<std::pair<uint16_t, uint16_t>, Untold> untold_;  // by stage and partition: destroyed, and not told yet
  uint64_t progress_ = 0;
  uint64_t progress_seen_ = 0;
  int64_t slowest_ns_ = 0;  // by how much a fault makes attempts longer
  int64_t progress_at_ns_ = 0;
  int64_t moved_at_ns_ = 0;
  int64_t settled_checked_ns_ = -1;
  bool finishing_ = false;
  bool over_ = false;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_WORLD_H_
