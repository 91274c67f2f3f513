// Plays a scenario on a ground and writes down what is told.
//
//   Outcome outcome = PlayScenario(scenario, *ground);
//
// On a model a barrier lets time pass until nothing is told any more, so what it finds is the model's own word. On a real broker
// it waits until what is expected has been told, or a limit is over: nothing hangs, and nobody waits longer than needed.
#ifndef MILLRACE_TESTS_SCENARIOS_PLAY_H_
#define MILLRACE_TESTS_SCENARIOS_PLAY_H_

#include <map>
#include <string>

#include "tests/scenarios/ground.h"
#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

struct Outcome {
  std::map<int, Told> told;  // by barrier, from 1
  std::string error;         // a step that cannot be done, with file and line; the barriers behind it are not there
};

// Blocking: as long as it takes; limits add up to a minute or two where a broker tells nothing.
Outcome PlayScenario(const Scenario& scenario, Ground& ground);

// How two tellings differ, for people; empty where they are the same.
std::string Difference(const Told& expected, const Told& told);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_PLAY_H_
