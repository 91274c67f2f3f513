// Generated operation sequences: publish, settle random subsets, join, leave, crash, pause, give up, expire, restart;
// then everything is let go until nothing moves, and the ledger is balanced:
//
//   - every confirmed message was delivered to every group, and settled there
//   - nothing was delivered that was not published, nor with another content
//   - first deliveries of each producer's messages are in order, per partition and group
//   - nothing comes again that was settled, unless the holding it was settled under ended by a crash, a loss or a
//   broker's restart
//   - no message is in two hands, unless one of them is just losing it
//   - a settlement under a holding that is over is Aborted
//   - who joins after the end gets nothing, and lag is 0
//
// Threading: a run belongs to one thread; no gtest in here, so runs can be made side by side.
#ifndef MILLRACE_TESTS_CONFORMANCE_GENERATED_H_
#define MILLRACE_TESTS_CONFORMANCE_GENERATED_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bus/random.h"
#include "tests/conformance/world.h"

namespace millrace::conformance {

class GeneratedRun {
 public:
  GeneratedRun(World& world, uint64_t seed, int steps = 150);

  // What is wrong; empty where all is well.
  std::vector<std::string> Run();
  // The operations made, one a line.
  const std::string& log() const { return log_; }

 private:
  struct Actor {
    Member* member = nullptr;
    int group = 0;
    size_t looked_at = 0;                                            // deliveries accounted for
    std::map<std::pair<bus::Epoch, Partition>, MonotonicTime> seen;  // when a holding was last held
  };
  // A delivery: which member, and where in its `got`.
  struct Handed {
    Member* member = nullptr;
    size_t index = 0;
  };
  struct Ledger {
    std::map<std::string, std::vector<Handed>> handed;     // by text
    std::map<std::pair<size_t, int32_t>, int64_t> newest;  // (feeder, partition) → highest first delivery
  };
  // A second delivery. Legal only if one of the two holdings turns out to have been lost.
  struct Suspect {
    Member* first = nullptr;
    Holding first_holding;
    Member* second = nullptr;
    Holding second_holding;
    std::string what;
  };

  uint64_t Draw(uint64_t bound);
  void Say(const std::string& what) { log_ += what + "\n"; }
  void Wrong(const std::string& what);
  Actor* Pick();
  int Alive(int group) const;

  void Step();
  void Publish();
  void FinishSome();
  void SettleLate();
  void Join(int group);
  void End(bool crash);
  void Pause();
  void GiveUp();
  void Expire();
  void Restart();
  void PassTime();

  // Runs the world, looking at what was delivered after each step.
  void RunFor(Duration time);
  void See(Actor& actor);
  void Broke(Actor& actor);
  void Account();
  void AccountOne(Actor& actor, size_t index);
  void LetGo();
  void Judge();
  void CheckNothingIsLeft();
  static bool WasSettled(const std::vector<Handed>& handed);
  // Who had it, for people.
  std::string Hands(const std::vector<Handed>& handed) const;

  World& world_;
  const uint64_t seed_;
  const int steps_;
  const Random random_;
  uint64_t draws_ = 0;
  int32_t partitions_ = 1;
  int groups_ = 1;
  bool cooperative_ = false;
  std::vector<Feeder*> feeders_;
  std::vector<Actor> actors_;
  std::vector<Ledger> ledgers_;
  std::vector<Suspect> suspects_;
  std::vector<std::pair<Member*, Holding>> crashed_;  // what a crash, a lost session or an unclean Close has ended
  bool restarted_ = false;
  std::string log_;
  std::vector<std::string> wrong_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_GENERATED_H_
