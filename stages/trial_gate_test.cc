#include "stages/trial_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bus/random.h"
#include "stages/testing/worker_world.h"

namespace millrace::stages {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CountingWaker : public bus::Waker {
 public:
  void Wake() override { ++wakes; }
  std::atomic<int> wakes{0};
};

TEST(TrialGate, WhoAsksHasItWhenAllOthersAreQuiet) {
  TrialGate gate;
  CountingWaker wakers[3];
  auto a = gate.Join(&wakers[0]), b = gate.Join(&wakers[1]), c = gate.Join(&wakers[2]);
  EXPECT_FALSE(a->Take().has_value()) << "while nobody asks it says nothing";
  a->Do(GateWish::kAsk, 0);
  EXPECT_FALSE(a->Take().has_value());
  const auto closed = b->Take();
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(closed->state, GateState::kClosed);
  EXPECT_FALSE(closed->alone);
  b->Do(GateWish::kQuiet, closed->round);
  EXPECT_FALSE(a->Take().has_value()) << "not before the last";
  c->Do(GateWish::kQuiet, c->Take()->round);
  EXPECT_EQ(a->Take()->state, GateState::kMine);
  a->Do(GateWish::kEnd, 0);
  for (auto* seat : {&a, &b, &c}) EXPECT_EQ((*seat)->Take()->state, GateState::kOpen);
  EXPECT_EQ(wakers[1].wakes, 2);
}

TEST(TrialGate, WhoAsksSecondFindsItClosedAndAnOldAnswerDoesNotCount) {
  TrialGate gate;
  CountingWaker waker;
  auto a = gate.Join(&waker), b = gate.Join(&waker), c = gate.Join(&waker);
  a->Do(GateWish::kAsk, 0);
  b->Do(GateWish::kAsk, 0);
  const uint64_t first = b->Take()->round;
  a->Do(GateWish::kEnd, 0);
  b->Do(GateWish::kAsk, first);
  a->Do(GateWish::kQuiet, first);
  c->Do(GateWish::kQuiet, first);
  EXPECT_FALSE(b->Take().has_value()) << "their answers were to another closing";
  a->Do(GateWish::kQuiet, a->Take()->round);
  c->Do(GateWish::kQuiet, c->Take()->round);
  EXPECT_EQ(b->Take()->state, GateState::kMine);
}

TEST(TrialGate, WhoLeavesIsNotWaitedForAndLosesItsTrial) {
  TrialGate gate;
  CountingWaker waker;
  auto a = gate.Join(&waker), b = gate.Join(&waker), c = gate.Join(&waker);
  a->Do(GateWish::kAsk, 0);
  b->Do(GateWish::kQuiet, b->Take()->round);
  c.reset();
  EXPECT_EQ(a->Take()->state, GateState::kMine);
  a->Leave();
  const auto open = b->Take();
  EXPECT_EQ(open->state, GateState::kOpen);
  EXPECT_TRUE(open->alone);
  b->Do(GateWish::kAsk, 0);
  EXPECT_EQ(b->Take()->state, GateState::kMine) << "alone, at once";
}

TEST(TrialGate, WhoComesWhileItIsClosedIsToldSo) {
  TrialGate gate;
  CountingWaker waker;
  auto a = gate.Join(&waker), b = gate.Join(&waker);
  a->Do(GateWish::kAsk, 0);
  auto c = gate.Join(&waker);
  EXPECT_EQ(c->Take()->state, GateState::kClosed);
  EXPECT_FALSE(a->Take().has_value());
  a->Do(GateWish::kInsist, 0);
  EXPECT_EQ(a->Take()->state, GateState::kMine) << "though b does not answer";
}

// Four threads, each of which tries something alone a hundred times and works beside the others in between.
TEST(TrialGate, AmongThreadsATrialIsAlone) {
  TrialGate gate;
  std::atomic<int> working{0}, trying{0}, violations{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      CountingWaker waker;
      auto seat = gate.Join(&waker);
      bool open = true;
      for (int trials = 0; trials < 100;) {
        if (const auto event = seat->Take()) {
          open = event->state == GateState::kOpen;
          if (event->state == GateState::kClosed) seat->Do(GateWish::kQuiet, event->round);
          if (event->state == GateState::kMine) {
            if (trying.fetch_add(1) != 0 || working.load() != 0) ++violations;
            --trying;
            ++trials;
            seat->Do(GateWish::kEnd, event->round);
          }
        } else if (open) {
          ++working;
          if (trying.load() != 0) ++violations;
          --working;
          open = false;  // until the gate says how it stands
          seat->Do(GateWish::kAsk, 0);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(violations.load(), 0);
}

// ---------------------------------------------------------------- workers of one process

// Two stages in one process. What the killer's stage is given, and when, is by chance; so is who moves next.
struct Process {
  explicit Process(uint64_t seed) : random(seed) {
    WorkerOptions options = WorkerWorld::DefaultOptions();
    options.concurrency = 2;
    for (int i = 0; i < 2; ++i) {
      options.salt = seed * 2 + static_cast<uint64_t>(i);
      worlds.push_back(std::make_unique<WorkerWorld>(options, WorkerWorld::PassThrough, &gate));
      worlds.back()->before_action = [this](const Action& action) { return Survives(action); };
    }
  }
  bool Survives(const Action& action) {
    if (const auto* dispatch = std::get_if<DispatchAction>(&action)) {
      for (const AttemptItem& item : dispatch->group->items) dead |= item.delivery.message.body == "killer";
    }
    return !dead;
  }
  void Start() {
    dead = false;
    for (auto& world : worlds) {
      world->Assign(0);
      world->Assign(1);
    }
  }
  // One move of one world. False: nothing is left to do.
  bool Move() {
    std::vector<std::function<void()>> moves;
    for (auto& w : worlds) {
      WorkerWorld* world = w.get();
      if (world->TakeGate()) return true;
      if (!world->notes.empty()) moves.emplace_back([world] { world->AnswerNote(); });
      for (int32_t p = 0; p < 2; ++p) {
        const WorldPartition& part = world->partition(p);
        if (part.epoch != 0 && part.flowing && part.next < part.records.size())
          moves.emplace_back([world, p] { world->Deliver(p); });
      }
      // Attempts take a second, so that trials meet.
      if (!world->dispatched.empty() && world->Now() >= returns_at[world])
        moves.emplace_back([world] { world->Run(); });
      if (!world->in_flight.empty()) moves.emplace_back([world] { world->Confirm(); });
    }
    if (!moves.empty()) {
      moves[random.Below(1, {++moved}, moves.size())]();
      for (auto& w : worlds) {
        if (w->dispatched.empty()) returns_at[w.get()] = w->Now() + seconds(1);
      }
      return true;
    }
    // Time passes for both.
    MonotonicTime next = MonotonicTime::Infinite();
    for (auto& w : worlds) {
      if (!w->dispatched.empty()) next = std::min(next, returns_at[w.get()]);
      if (w->timer_set() && !(w->AllSettled() && w->worker().Idle())) next = std::min(next, w->timer());
    }
    if (next == MonotonicTime::Infinite()) return false;
    for (auto& w : worlds) {
      if (w->Now() < next) w->Advance(next - w->Now());
    }
    for (auto& w : worlds) {
      if (w->timer_set() && w->timer() <= w->Now()) w->FireTimer();
    }
    return true;
  }
  bool AllSettled() const {
    return std::all_of(worlds.begin(), worlds.end(), [](const auto& w) { return w->AllSettled(); });
  }

  Random random;
  uint64_t moved = 0;
  std::map<WorkerWorld*, MonotonicTime> returns_at;
  TrialGate gate;
  std::vector<std::unique_ptr<WorkerWorld>> worlds;
  bool dead = false;
};

TEST(TrialGate, AKillerInOneStageCostsTheOtherStageNothing) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    Process process(seed);
    // The killer sits behind some others, which are done first in most lives.
    const uint64_t before = process.random.Below(2, {}, 6);
    for (uint64_t i = 0; i < before; ++i) process.worlds[1]->Append(0, "k" + std::to_string(i), "before");
    constexpr size_t kKillers = 3;
    for (size_t i = 0; i < kKillers; ++i) {
      process.worlds[1]->Append(0, "k", "killer");
      process.worlds[1]->Append(1, "other", "beside");
    }
    for (int i = 0; i < 3; ++i) {
      process.worlds[0]->Append(0, "k" + std::to_string(i), "innocent");
      process.worlds[0]->Append(1, "k" + std::to_string(i), "innocent");
    }
    int deaths = 0;
    for (; deaths < 60; ++deaths) {
      process.Start();
      int moves = 0;
      while (!process.dead && process.Move()) ASSERT_LT(++moves, 100'000) << "seed " << seed << " never ends";
      if (!process.dead) break;
      // What the innocent stage has published never arrives in some lives, so that it stands at its first message for long.
      for (auto& world : process.worlds) world->Crash(process.random.Below(3, {static_cast<uint64_t>(deaths)}, 2) == 0);
    }
    std::string pending;
    for (auto& world : process.worlds) {
      for (const std::string& line : world->worker().Pending()) pending += "\n" + line;
    }
    ASSERT_TRUE(process.AllSettled()) << "seed " << seed << " after " << deaths << " deaths" << pending;
    EXPECT_EQ(process.worlds[0]->OnTopic(1).size(), 0u) << "seed " << seed << ": an innocent is a dead letter";
    ASSERT_EQ(process.worlds[1]->OnTopic(1).size(), kKillers) << "seed " << seed;
    for (const WorldOutput& dead : process.worlds[1]->OnTopic(1)) EXPECT_EQ(dead.body, "killer") << "seed " << seed;
  }
}

// ---------------------------------------------------------------- bounds

constexpr const char* kSuspicious = "mr1 starts=9@0";

// Makes the first message of partition 0 a suspect that is ready to be tried.
void MakeSuspect(WorkerWorld& world) {
  world.Append(0, "a", "suspect");
  world.partition(0).note = kSuspicious;
  world.Assign(0);
  while (!world.notes.empty()) world.AnswerNote();
  world.Deliver(0);
}

bool HasGate(const WorkerWorld& world) {
  int balance = 0;
  for (const std::string& line : world.trace) balance += line == "gate ask" ? 1 : line == "gate end" ? -1 : 0;
  return balance > 0;
}

// A partition moves on, or its process dies of another partition's message, in the middle of a window that is under
// suspicion: the next owner tries the rest of it one by one, and does not run into the killer with all of it once more.
TEST(TrialGate, TheSuspicionOfAWindowGoesOnWithItsNextOwner) {
  for (const bool dies : {true, false}) {
    WorkerWorld world;
    for (int i = 0; i < 8; ++i) world.Append(0, std::to_string(i), std::to_string(i));
    size_t most = 0;
    const auto turn = [&] {
      if (world.TakeGate()) return;
      if (!world.notes.empty()) return world.AnswerNote();
      if (!world.dispatched.empty()) {
        most = std::max({most, world.dispatched.size(), world.dispatched.front()->items.size()});
        return world.Run();
      }
      if (!world.in_flight.empty()) return world.ConfirmAll();
      if (world.timer_set()) world.FireTimer();
    };
    world.partition(0).note = kSuspicious;
    world.Assign(0);
    world.Deliver(0);
    for (int i = 0; i < 200 && world.partition(0).committed < 2; ++i) turn();
    ASSERT_EQ(world.processed, (std::vector<std::string>{"0", "1"}));
    if (dies) {
      world.Crash();
    } else {
      world.Revoke(0, seconds(1));
      for (int i = 0; i < 20 && world.released.empty(); ++i) turn();
    }
    world.Assign(0);
    while (!world.notes.empty()) world.AnswerNote();
    world.Deliver(0);
    EXPECT_TRUE(world.dispatched.empty()) << dies;
    for (int i = 0; i < 400 && !world.AllSettled(); ++i) turn();
    EXPECT_TRUE(world.AllSettled());
    EXPECT_EQ(most, 1u) << dies;
    // Behind that window messages run as they come.
    const uint64_t end = world.partition(0).records.size();
    EXPECT_EQ(end, 8u);
    world.Revoke(0, seconds(1));
    world.partition(0).note = "mr1 suspects=8";
    world.Assign(0);
    for (int i = 0; i < 3; ++i) world.Append(0, std::to_string(i), "behind");
    world.Deliver(0);
    EXPECT_FALSE(world.dispatched.empty()) << dies;
  }
}

TEST(TrialGate, AnAttemptElsewhereThatDoesNotReturnDelaysATrialAndPreventsNone) {
  TrialGate gate;
  WorkerWorld slow(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  slow.Append(0, "x", "slow");
  slow.Assign(0);
  slow.Deliver(0);
  ASSERT_EQ(slow.dispatched.size(), 1u);
  WorkerWorld world(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  MakeSuspect(world);
  const MonotonicTime before = world.Now();
  while (world.dispatched.empty()) {
    slow.TakeGate();
    if (world.TakeGate()) continue;
    if (!world.notes.empty()) {
      world.AnswerNote();
    } else {
      world.FireTimer();
    }
    ASSERT_LT(world.Now(), before + seconds(30));
  }
  EXPECT_EQ(slow.dispatched.size(), 1u) << "it still runs";
  world.Run();
  world.ConfirmAll();
  while (!world.notes.empty()) world.AnswerNote();
  EXPECT_FALSE(HasGate(world));
  slow.Append(0, "y", "next");
  slow.Deliver(0);
  slow.Run();
  slow.TakeGate();
  EXPECT_EQ(slow.dispatched.size(), 1u) << "the gate is open again";
}

TEST(TrialGate, ATrialWhoseOutputsWaitGivesWay) {
  TrialGate gate;
  WorkerWorld reader(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  WorkerWorld world(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  reader.Assign(0);
  MakeSuspect(world);
  while (world.dispatched.empty()) {
    reader.TakeGate();
    if (world.TakeGate()) continue;
    if (!world.notes.empty()) {
      world.AnswerNote();
    } else {
      world.FireTimer();
    }
  }
  reader.Append(0, "x", "what makes room");
  reader.Deliver(0);
  EXPECT_TRUE(reader.dispatched.empty()) << "nothing runs beside a trial";
  world.Run();
  while (!world.notes.empty()) world.AnswerNote();
  ASSERT_TRUE(HasGate(world)) << "its output is not confirmed";
  const MonotonicTime before = world.Now();
  while (HasGate(world)) world.FireTimer();
  EXPECT_LE(world.Now(), before + seconds(3));
  EXPECT_TRUE(reader.TakeGate());
  EXPECT_EQ(reader.dispatched.size(), 1u);
}

TEST(TrialGate, AnOutageDuringATrialHoldsUpNobody) {
  TrialGate gate;
  bool down = true;
  WorkerWorld other(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  WorkerWorld world(
      WorkerWorld::DefaultOptions(),
      [&down](Context& c, const bus::Message& m, Outputs& o) -> absl::Status {
        return down ? absl::UnavailableError("down") : WorkerWorld::PassThrough(c, m, o);
      },
      &gate);
  MakeSuspect(world);
  other.Assign(0);
  int done = 0;
  for (int i = 0; i < 40; ++i) {  // while it is down
    other.Append(0, "x", "goes on");
    other.Deliver(0);
    for (int turns = 0; turns < 8; ++turns) {
      other.TakeGate();
      world.TakeGate();
      while (!world.notes.empty()) world.AnswerNote();
      if (!world.dispatched.empty()) world.Run();
      if (!other.dispatched.empty()) {
        other.Run();
        ++done;
      }
      other.ConfirmAll();
    }
    if (world.timer_set()) world.FireTimer();
  }
  EXPECT_GE(done, 20);
  EXPECT_EQ(world.OnTopic(1).size(), 0u);
  down = false;
  for (int i = 0; i < 200 && !world.AllSettled(); ++i) {
    other.TakeGate();
    if (!world.TakeGate() && world.timer_set()) world.FireTimer();
    while (!world.notes.empty()) world.AnswerNote();
    while (!world.dispatched.empty()) world.Run();
    world.ConfirmAll();
  }
  EXPECT_TRUE(world.AllSettled());
}

TEST(TrialGate, WhoIsDrainedOrLosesItsPartitionDuringATrialGivesTheGateBack) {
  for (const bool drained : {true, false}) {
    TrialGate gate;
    WorkerWorld other(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
    WorkerWorld world(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
    MakeSuspect(world);
    while (!HasGate(world)) {
      if (!world.TakeGate()) world.FireTimer();
    }
    other.TakeGate();
    world.TakeGate();  // its mark is sent
    other.Assign(0);
    other.Append(0, "x", "waits");
    other.Deliver(0);
    EXPECT_TRUE(other.dispatched.empty());
    if (drained) {
      world.Drain(seconds(1));
      EXPECT_TRUE(world.left);
    } else {
      world.Lose(0);
    }
    EXPECT_FALSE(HasGate(world));
    EXPECT_TRUE(other.TakeGate());
    EXPECT_EQ(other.dispatched.size(), 1u);
  }
}

// What is assigned between two trials is tried too, though nothing else happens.
TEST(TrialGate, WhoBecomesASuspectWhileOthersHaveTheirTimeIsTriedAfterIt) {
  TrialGate gate;
  WorkerWorld other(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  WorkerWorld world(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  MakeSuspect(world);
  while (world.dispatched.empty()) {
    other.TakeGate();
    if (world.TakeGate()) continue;
    if (!world.notes.empty()) {
      world.AnswerNote();
    } else {
      world.FireTimer();
    }
  }
  world.Advance(seconds(20));  // the attempt takes long, and costs the partition
  world.Lose(0);
  while (world.TakeGate()) {
  }
  world.Run();
  world.partition(0).note = kSuspicious;
  world.Assign(0);
  for (int i = 0; i < 100 && !world.AllSettled(); ++i) {
    other.TakeGate();
    if (world.TakeGate()) continue;
    if (!world.notes.empty()) {
      world.AnswerNote();
    } else if (world.partition(0).next == 0) {
      world.Deliver(0);
    } else if (!world.dispatched.empty()) {
      world.Run();
    } else if (!world.in_flight.empty()) {
      world.Confirm();
    } else {
      ASSERT_TRUE(world.timer_set()) << "it waits for nothing";
      world.FireTimer();
    }
  }
  EXPECT_TRUE(world.AllSettled());
}

TEST(TrialGate, TrialsLeaveTimeForOthers) {
  TrialGate gate;
  WorkerWorld other(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  WorkerWorld world(WorkerWorld::DefaultOptions(), WorkerWorld::PassThrough, &gate);
  other.Assign(0);
  for (int i = 0; i < 50; ++i) world.Append(0, "k" + std::to_string(i), "suspect");
  MakeSuspect(world);
  Duration open{0}, closed{0};
  bool is_open = true;
  for (int i = 0; i < 5000 && !world.AllSettled(); ++i) {
    // Each thing takes a millisecond.
    (is_open ? open : closed) += milliseconds(1);
    world.Advance(milliseconds(1));
    other.Advance(milliseconds(1));
    if (const size_t seen = other.trace.size(); other.TakeGate()) {
      is_open = other.trace.size() == seen;  // quiet is what it says when the gate is closed
    } else if (world.TakeGate()) {
    } else if (!world.notes.empty()) {
      world.AnswerNote();
    } else if (!world.dispatched.empty()) {
      world.Run();
    } else if (!world.in_flight.empty()) {
      world.Confirm();
    } else if (world.timer_set() && world.timer() <= world.Now()) {
      world.FireTimer();
    } else if (world.timer_set() && world.timer() > world.Now() + seconds(1)) {
      world.FireTimer();
    }
  }
  EXPECT_TRUE(world.AllSettled());
  EXPECT_GE(open.count(), closed.count() * 4 / 5) << closed.count() << " closed";
}

}  // namespace
}  // namespace millrace::stages
