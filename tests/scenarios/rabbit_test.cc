// Every scenario for queues on the RabbitMQ that MILLRACE_RABBITMQ_URL names, those that disturb it on one of their own.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/scenarios/broker_suite.h"
#include "tests/scenarios/rabbit_ground.h"

namespace millrace::scenarios {
namespace {

// Those that the list of differences says are not played here are left out.
std::vector<std::string> Names() {
  std::vector<std::string> names;
  const auto list = ReadDifferences();
  for (const std::string& name : ScenarioNames(Family::kQueue)) {
    const bool played = !list.ok() || list->count(Family::kQueue) == 0 || list->at(Family::kQueue).count(name) == 0 ||
                        list->at(Family::kQueue).at(name).count(0) == 0;
    if (played) names.push_back(name);
  }
  return names;
}

class Rabbit : public ::testing::TestWithParam<std::string> {
 protected:
  static const std::string& ResultOf(const std::string& name) {
    static const auto results = PlayOnBroker(
        {.family = Family::kQueue,
         .url = UrlFromEnvironment("MILLRACE_RABBITMQ_URL", "ops/rabbitmq start", "//tests/scenarios:rabbit_test"),
         .make = [](const std::string& url, OwnBroker* own) { return std::make_unique<RabbitGround>(url, own); }},
        NamesToRun("Scenarios/Rabbit", Names()));
    return results.at(name);
  }
};

TEST_P(Rabbit, TellsWhatTheFileSays) {
  const std::string& wrong = ResultOf(GetParam());
  EXPECT_TRUE(wrong.empty()) << wrong;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Rabbit, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return CaseName(info.param); });

}  // namespace
}  // namespace millrace::scenarios
