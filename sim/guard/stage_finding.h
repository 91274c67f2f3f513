// What a run finds out about the user's stages: not whether Millrace kept its promises, but whether the stage is a
// function of its message, as replays after a crash need it to be.
//
//   StageFindings findings;
//   …                                       // stages behind GuardedStage, under interposition
//   for (const StageFinding& finding : findings.all()) Print(finding.text);
//
// Threading: StageFindingSink: any thread. StageFinding: a value.
#ifndef MILLRACE_SIM_GUARD_STAGE_FINDING_H_
#define MILLRACE_SIM_GUARD_STAGE_FINDING_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::sim {

enum class StageFindingKind : uint8_t {
  kNotDeterministic,  // two calls with one message gave two results
  kRealClock,         // reads a clock of the machine
  kSleep,             // waits in real time
  kThread,            // starts a thread
  kRandomness,        // draws random numbers that no replay gives again
  kEnvironment,       // reads an environment variable
  kStaticState,       // a run in a fresh process ends otherwise than one in a warm process
  kEndlessLoop,       // does not return
  kProcessExit,       // ends the process
  kUndeclaredPort,    // calls a port that its kind does not name
};
// "not-deterministic", …: stable, for signatures and JSON.
std::string_view NameOf(StageFindingKind kind);

struct StageFinding {
  StageFindingKind kind = StageFindingKind::kNotDeterministic;
  std::string stage;
  std::string input;  // id of the message; empty where it is no single one
  std::string what;   // the call ("clock_gettime"), the port, or what differs ("the body of output 2 to parsed")
  std::string first, second;  // kNotDeterministic: both, shortened to what can be read
  std::string text;           // one sentence for people
};

class StageFindingSink {
 public:
  virtual ~StageFindingSink() = default;
  virtual void Add(StageFinding finding) = 0;
  // Something about a stage could not be looked at, and why. May be told more than once.
  virtual void NotCheckable(std::string_view stage, std::string_view why) = 0;
};

// Keeps the first finding of each kind, stage and `what`, and counts the others: a stage that reads the clock does it
// for every message.
class StageFindings final : public StageFindingSink {
 public:
  void Add(StageFinding finding) override;
  void NotCheckable(std::string_view stage, std::string_view why) override;

  // In the order of the first of each.
  std::vector<StageFinding> all() const;
  // How many there were like this one.
  uint64_t count(const StageFinding& finding) const;
  // Stage and reason, sorted.
  std::vector<std::pair<std::string, std::string>> not_checkable() const;
  void Clear();

 private:
  using Like = std::pair<StageFindingKind, std::pair<std::string, std::string>>;
  static Like LikeOf(const StageFinding& finding) { return {finding.kind, {finding.stage, finding.what}}; }

  mutable std::mutex mutex_;
  std::vector<StageFinding> first_;
  std::map<Like, uint64_t> counts_;
  std::set<std::pair<std::string, std::string>> not_checkable_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_STAGE_FINDING_H_
