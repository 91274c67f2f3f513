// The scenario files of the workspace, and the list of where brokers differ from models.
//
// A line of the list is "BROKER FOLDER/NAME STEP: reason", STEP being the number of a barrier whose lines of that broker
// (kafka>, rabbitmq>) stand in the file, or "all" where the scenario is not played on that broker.
#ifndef MILLRACE_TESTS_SCENARIOS_FILES_H_
#define MILLRACE_TESTS_SCENARIOS_FILES_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

inline constexpr const char* kFolder = "tests/scenarios";

// Names (log/x) of all files for a family, sorted; relative to the working directory, which is the workspace or its runfiles.
std::vector<std::string> ScenarioNames(Family family);
absl::StatusOr<Scenario> ReadScenario(const std::string& name);

// Barrier → reason; 0: not played there.
using Differences = std::map<std::string, std::map<int, std::string>>;
// Errors: InvalidArgument with file and line.
absl::StatusOr<std::map<Family, Differences>> ParseDifferences(const std::string& path, const std::string& text);
absl::StatusOr<std::map<Family, Differences>> ReadDifferences();
// What does not go together: lines of a broker without a line in the list, a line without them, lines that say what the model
// says.
std::vector<std::string> CheckDifferences(const std::vector<Scenario>& scenarios, Family family,
                                          const Differences& list);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_FILES_H_
