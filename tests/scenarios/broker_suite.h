// Every scenario of one kind on its real broker: what clients are told is what stands in the file, from the models, but for what
// the list of differences names. One gtest case a file; they are played beside each other first, since most of them wait.
//
// Blocking: the first case takes as long as all. Threading: gtest's.
#ifndef MILLRACE_TESTS_SCENARIOS_BROKER_SUITE_H_
#define MILLRACE_TESTS_SCENARIOS_BROKER_SUITE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/scenarios/files.h"
#include "tests/scenarios/ground.h"
#include "tests/scenarios/own_broker.h"
#include "tests/scenarios/play.h"

namespace millrace::scenarios {

struct BrokerKind {
  Family family;
  std::string url;  // of the broker that all share
  // `own` is nullptr for the shared one.
  std::function<std::unique_ptr<Ground>(const std::string& url, OwnBroker* own)> make;
};

// The value of the environment variable; ends the process with a word on how to start a broker where there is none.
std::string UrlFromEnvironment(const char* variable, const std::string& start, const std::string& test);

// How each of `names` went, empty where well.
std::map<std::string, std::string> PlayOnBroker(const BrokerKind& kind, const std::vector<std::string>& names);

// The gtest name of a scenario's case.
std::string CaseName(const std::string& scenario);
// Those whose cases gtest's filter and shard let run in suite `suite`.
std::vector<std::string> NamesToRun(const std::string& suite, const std::vector<std::string>& names);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_BROKER_SUITE_H_
