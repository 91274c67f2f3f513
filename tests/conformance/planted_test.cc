// Who tests the tests: generated sequences must find each planted bug within a few seeds, and nothing where there is
// none.

#include "tests/conformance/planted.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/conformance/generated.h"
#include "tests/conformance/log_model_harness.h"
#include "tests/conformance/queue_model_harness.h"
#include "tests/conformance/world.h"

namespace millrace::conformance {
namespace {

constexpr uint64_t kSeeds = 20;

std::unique_ptr<Harness> MakeLog() { return std::make_unique<LogModelHarness>(); }
std::unique_ptr<Harness> MakeQueue() { return std::make_unique<QueueModelHarness>(bus::ConfirmStyle::kMultiple); }

class Planted : public ::testing::TestWithParam<std::unique_ptr<Harness> (*)()> {
 protected:
  // The first thing that is wrong within the seeds; empty where nothing is.
  static std::string FirstWrong(Bug bug) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      World world(Plant(bug, GetParam()()));
      GeneratedRun run(world, seed);
      const std::vector<std::string> wrong = run.Run();
      if (!wrong.empty()) return wrong.front();
    }
    return "";
  }
};

TEST_P(Planted, NothingIsFoundWhereNothingIs) { EXPECT_EQ(FirstWrong(Bug::kNone), ""); }

TEST_P(Planted, EachBugIsFound) {
  EXPECT_NE(FirstWrong(Bug::kLoseDelivery), "");
  EXPECT_NE(FirstWrong(Bug::kSwapDeliveries), "");
  EXPECT_NE(FirstWrong(Bug::kRepeatDelivery), "");
  EXPECT_NE(FirstWrong(Bug::kSettleAhead), "");
  EXPECT_NE(FirstWrong(Bug::kForgetSettle), "");
  EXPECT_NE(FirstWrong(Bug::kConfirmEarly), "");
  EXPECT_NE(FirstWrong(Bug::kLoseConfirm), "");
}

INSTANTIATE_TEST_SUITE_P(Models, Planted, ::testing::Values(&MakeLog, &MakeQueue),
                         [](const auto& info) { return info.index == 0 ? "Log" : "Queue"; });

}  // namespace
}  // namespace millrace::conformance
