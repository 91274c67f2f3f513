// Every scenario on the models: what clients are told is what stands in the file. With MILLRACE_UPDATE=1 the files are written
// anew instead; look at what changed:
//
//   MILLRACE_UPDATE=1 bazel-bin/tests/scenarios/model_test          in the workspace's folder
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/scenarios/files.h"
#include "tests/scenarios/model_grounds.h"
#include "tests/scenarios/play.h"

namespace millrace::scenarios {
namespace {

constexpr size_t kLeast = 60;  // for each kind of broker

bool Updating() { return std::getenv("MILLRACE_UPDATE") != nullptr; }

std::vector<std::string> AllNames() {
  std::set<std::string> names;
  for (Family family : {Family::kLog, Family::kQueue}) {
    for (const std::string& name : ScenarioNames(family)) names.insert(name);
  }
  return {names.begin(), names.end()};
}

class Models : public ::testing::TestWithParam<std::string> {};

TEST_P(Models, TellWhatTheFileSays) {
  const auto scenario = ReadScenario(GetParam());
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  std::map<Family, std::map<int, Told>> told;
  for (Family family : {Family::kLog, Family::kQueue}) {
    if (!scenario->For(family)) continue;
    Outcome outcome = PlayScenario(*scenario, *MakeModel(family));
    ASSERT_EQ(outcome.error, "") << ModelTag(family) << " model";
    for (const Step& step : scenario->steps) {
      if (step.barrier == 0 || Updating()) continue;
      EXPECT_EQ(Difference(ExpectedOfModel(step, family), outcome.told[step.barrier]), "")
          << scenario->path << ":" << step.line << ", " << ModelTag(family) << " model, barrier " << step.barrier;
    }
    told[family] = std::move(outcome.told);
  }
  if (Updating()) std::ofstream(scenario->path) << WithTold(*scenario, told);
}

std::string NameOf(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Models, ::testing::ValuesIn(AllNames()), NameOf);

// The list of differences says what the files say.
TEST(Differences, GoWithTheFiles) {
  const auto list = ReadDifferences();
  ASSERT_TRUE(list.ok()) << list.status();
  for (Family family : {Family::kLog, Family::kQueue}) {
    std::vector<Scenario> scenarios;
    for (const std::string& name : ScenarioNames(family)) {
      auto scenario = ReadScenario(name);
      if (scenario.ok()) scenarios.push_back(*std::move(scenario));
    }
    const auto of_family = list->find(family);
    for (const std::string& wrong :
         CheckDifferences(scenarios, family, of_family == list->end() ? Differences() : of_family->second)) {
      ADD_FAILURE() << wrong;
    }
    EXPECT_GE(scenarios.size(), kLeast) << ModelTag(family);
  }
}

}  // namespace
}  // namespace millrace::scenarios
