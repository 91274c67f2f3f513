// A run is a function of its plan: the same again, in another order of seeds, with every compiler and at every level of
// optimisation. CI runs this test built by GCC and by clang, optimised and not (ops/test, whose step `consumer` has Bazel's
// default, -O0): all must see the same number.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bus/random.h"
#include "sim/campaign.h"
#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kSeeds = 100;

class Determinism : public ::testing::Test {
 protected:
  Determinism() {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    // By this repository's name: the test is also run from a workspace that only uses it.
    const char* const runfiles = std::getenv("TEST_SRCDIR");
    const auto file = stages::PipelineFile::Load((runfiles == nullptr ? std::string("..") : std::string(runfiles)) +
                                                 "/millrace/sim/example/one_stage.textproto");
    EXPECT_TRUE(file.ok()) << file.status();
    auto subject = Subject::Make(*stages::Resolve(file->pipeline()), registry_, {});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    subject_.SetInputs(*subject_.ReadSources(200));
  }
  struct Hashes {
    uint64_t schedule = 0, content = 0;
    bool operator==(const Hashes&) const = default;
  };
  Hashes Run(Simulator& simulator, uint64_t seed) {
    const History history = simulator.Run(Draw(seed, FactsOf(subject_)));
    return {history.schedule_hash, history.content_hash};
  }

  stages::Registry registry_;
  Subject subject_;
};

TEST_F(Determinism, SeedsDoNotDependOnWhatRanBefore) {
  std::vector<Hashes> forwards;
  {
    auto simulator = *Simulator::Make(subject_);
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) forwards.push_back(Run(*simulator, seed));
  }
  auto simulator = *Simulator::Make(subject_);
  for (uint64_t seed = kSeeds; seed >= 1; --seed) {
    EXPECT_EQ(Run(*simulator, seed), forwards[seed - 1]) << "seed " << seed;
  }
}

// When what is simulated has changed on purpose, the number is another one: put it here. When only compilers differ, a
// difference is a bug: something reads a clock, an address, or iterates in the order of a hash.
TEST_F(Determinism, CompilersAgree) {
  constexpr uint64_t kExpected = 3049217573759661474u;
  auto simulator = *Simulator::Make(subject_);
  uint64_t all = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) all = Random::Mix(all ^ Run(*simulator, seed).schedule);
  EXPECT_EQ(all, kExpected);
}

}  // namespace
}  // namespace millrace::sim
