// Every scenario for logs on the Kafka that MILLRACE_KAFKA_URL names, those that disturb it on one of their own.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/scenarios/broker_suite.h"
#include "tests/scenarios/kafka_ground.h"

namespace millrace::scenarios {
namespace {

// Those that the list of differences says are not played here are left out.
std::vector<std::string> Names() {
  std::vector<std::string> names;
  const auto list = ReadDifferences();
  for (const std::string& name : ScenarioNames(Family::kLog)) {
    const bool played = !list.ok() || list->count(Family::kLog) == 0 || list->at(Family::kLog).count(name) == 0 ||
                        list->at(Family::kLog).at(name).count(0) == 0;
    if (played) names.push_back(name);
  }
  return names;
}

class Kafka : public ::testing::TestWithParam<std::string> {
 protected:
  static const std::string& ResultOf(const std::string& name) {
    static const auto results = PlayOnBroker(
        {.family = Family::kLog,
         .url = UrlFromEnvironment("MILLRACE_KAFKA_URL", "ops/kafka start", "//tests/scenarios:kafka_test"),
         .make = [](const std::string& url, OwnBroker* own) { return std::make_unique<KafkaGround>(url, own); }},
        NamesToRun("Scenarios/Kafka", Names()));
    return results.at(name);
  }
};

TEST_P(Kafka, TellsWhatTheFileSays) {
  const std::string& wrong = ResultOf(GetParam());
  EXPECT_TRUE(wrong.empty()) << wrong;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Kafka, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return CaseName(info.param); });

}  // namespace
}  // namespace millrace::scenarios
