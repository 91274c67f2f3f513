// A scenario file, taken apart: steps, and behind each barrier what clients are told up to there.
//
//   # What was settled does not come again.
//   topic t 1 groups=g
//   feeder f t
//   join a g t
//   publish f t/0 m0 m1
//   sync
//   > a t/0 assigned
//   > a t/0 got m0 m1
//   > f t/0 confirmed m0 m1
//
// A line is a comment (#), a step, or told (>). Steps are one verb with its words (tests/scenarios/verbs.h); `sync` and `quiet`
// are barriers. Behind a barrier, `>` is for every backend; in a file for both kinds of broker `log>` and `queue>` are for one
// kind where they differ; `kafka>` and `rabbitmq>` are what the real broker tells where it does not do as the model, and each
// needs a line in tests/scenarios/differences.txt. `nothing` stands for no lines.
//
// Threading: values.
#ifndef MILLRACE_TESTS_SCENARIOS_SCENARIO_H_
#define MILLRACE_TESTS_SCENARIOS_SCENARIO_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::scenarios {

enum class Family : uint8_t { kLog, kQueue };

// A family's name in files: "log", "queue"; its real broker's: "kafka", "rabbitmq".
std::string ModelTag(Family family);
std::string BrokerTag(Family family);

using Told = std::vector<std::string>;

struct Step {
  int line = 0;
  int barrier = 0;  // of barriers: their number, from 1
  std::string verb;
  std::vector<std::string> words;              // plain ones, without the verb
  std::map<std::string, std::string> options;  // name=value; a plain word that is a flag of the verb has an empty value
  std::map<std::string, Told> told;            // of barriers: "" (every backend), "log", "queue", "kafka", "rabbitmq"
};

struct Scenario {
  std::string path;  // tests/scenarios/log/name.scenario
  bool log = false;  // which kinds of brokers it is for, as its folder says
  bool queue = false;
  std::vector<Step> steps;         // the last is a barrier
  std::vector<std::string> lines;  // of the file, without those told

  bool For(Family family) const { return family == Family::kLog ? log : queue; }
  // "log/name", as in the list of differences.
  std::string Name() const;
};

// Errors: InvalidArgument "path:line: what is wrong, and what would be allowed".
absl::StatusOr<Scenario> ParseScenario(const std::string& path, const std::string& text);

// What a barrier of a scenario expects: of the model, or of the broker, which is as the model's where nothing else is said.
const Told& ExpectedOfModel(const Step& barrier, Family family);
const Told& ExpectedOfBroker(const Step& barrier, Family family);

// The text of the file with other words of the models: by barrier, from 1. What is told of brokers stays.
std::string WithTold(const Scenario& scenario, const std::map<Family, std::map<int, Told>>& told);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_SCENARIO_H_
