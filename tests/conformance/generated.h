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

struct GeneratedOptions {
  int steps = 150;
  // Whether sessions expire and the broker restarts, where the harness can do that. Which operations come is decided by
  // the seed alone; without these two the same is published, by and to the same, on every backend.
  bool disturb = true;
};

class GeneratedRun {
 public:
  GeneratedRun(World& world, uint64_t seed, const GeneratedOptions& options = {});

  // What is wrong; empty where all is well.
  std::vector<std::string> Run();
  // What clients and operators saw once nothing moved any more, a line a fact; the same on every backend of one kind of
  // settlement, where `disturb` is off. Of a Run that found nothing wrong.
  const std::vector<std::string>& at_rest() const { return at_rest_; }
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

  // Within a step: how many draws one step takes changes no other.
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
  void LookAtRest();
  std::vector<size_t> Shares(int group) const;
  bool Even(const std::vector<size_t>& shares) const;
  void CheckNothingIsLeft();
  static bool WasSettled(const std::vector<Handed>& handed);
  // Who had it, for people.
  std::string Hands(const std::vector<Handed>& handed) const;

  World& world_;
  const uint64_t seed_;
  const GeneratedOptions options_;
  const Random random_;
  uint64_t step_ = 0;
  uint64_t draws_ = 0;  // in this step
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
  std::vector<std::string> at_rest_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_GENERATED_H_
