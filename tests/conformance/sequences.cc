// Generated sequences, one after another and ten at a time.

#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/conformance.h"
#include "tests/conformance/generated.h"

namespace millrace::conformance {
namespace {

void Expect(const std::vector<std::string>& wrong, const std::string& log) {
  if (wrong.empty()) return;
  std::string all;
  for (const std::string& one : wrong) all += one + "\n";
  ADD_FAILURE() << all << "after:\n" << log;
}

TEST_P(Conformance, GeneratedSequencesBalance) {
  for (uint64_t seed = 1; seed <= static_cast<uint64_t>(GetParam().sequences); ++seed) {
    world = std::make_unique<World>(GetParam().make());
    GeneratedRun run(*world, seed);
    Expect(run.Run(), run.log());
    if (HasFailure()) return;
  }
}

// The same operations on the backend and on its model: once nothing moves any more, clients and operators see the same.
TEST_P(Conformance, GeneratedSequencesEndAsOnTheModel) {
  CONFORMANCE_NEEDS(GetParam().model != nullptr);
  for (uint64_t seed = 1; seed <= static_cast<uint64_t>(GetParam().sequences); ++seed) {
    World there(GetParam().model());
    GeneratedRun model(there, seed, {.disturb = false});
    Expect(model.Run(), model.log());
    world = std::make_unique<World>(GetParam().make());
    GeneratedRun run(*world, seed, {.disturb = false});
    Expect(run.Run(), run.log());
    EXPECT_EQ(run.at_rest(), model.at_rest()) << "after:\n" << run.log();
    EXPECT_FALSE(run.at_rest().empty());
    if (HasFailure()) return;
  }
}

// Ten at a time, each in a thread and a namespace of its own: what they share behind the scenes must not show.
TEST_P(Conformance, TenAtATime) {
  struct Result {
    std::vector<std::string> wrong;
    std::string log;
  };
  std::vector<Result> results(10);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([this, i, &results] {
      World mine(GetParam().make());
      GeneratedRun run(mine, 1000 + i, {.steps = 100});
      results[i].wrong = run.Run();
      results[i].log = run.log();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Result& result : results) Expect(result.wrong, result.log);
}

}  // namespace
}  // namespace millrace::conformance
