// A run is a function of its plan: the same again, in another order of seeds, with every compiler and at every level of
// optimisation. CI runs this test built by GCC and by clang, optimised and not (ops/test, whose step `compilers` has
// clang's two, and whose step `consumer` has Bazel's default, -O0): all must see the same numbers.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "bus/random.h"
#include "sim/campaign.h"
#include "sim/example/one_stage.h"
#include "sim/mutants/fan_stages.h"
#include "sim/simulator.h"
#include "sim/testing/ledger_port.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kSeeds = 100;

// What is simulated, and all its runs mixed into a number each.
struct Case {
  std::string name;
  std::string file;
  uint64_t schedule = 0, content = 0;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.file; }

class Determinism : public ::testing::TestWithParam<Case> {
 protected:
  Determinism() {
    for (const auto add : {&RegisterOneStage, &AddLedger, &AddFanStages}) EXPECT_TRUE(add(registry_).ok());
    // By this repository's name: the test is also run from a workspace that only uses it.
    const char* const runfiles = std::getenv("TEST_SRCDIR");
    const auto file = stages::PipelineFile::Load((runfiles == nullptr ? std::string("..") : std::string(runfiles)) +
                                                 "/millrace/" + GetParam().file);
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

TEST_P(Determinism, SeedsDoNotDependOnWhatRanBefore) {
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

TEST_P(Determinism, CompilersAgree) {
  auto simulator = *Simulator::Make(subject_);
  uint64_t schedule = 0, content = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Hashes hashes = Run(*simulator, seed);
    schedule = Random::Mix(schedule ^ hashes.schedule);
    content = Random::Mix(content ^ hashes.content);
  }
  EXPECT_EQ(schedule, GetParam().schedule);
  EXPECT_EQ(content, GetParam().content);
}

// When what is simulated has changed on purpose, the numbers are others: put them here. When only compilers differ, a
// difference is a bug: something reads a clock, an address, or iterates in the order of a hash.
INSTANTIATE_TEST_SUITE_P(Pipelines, Determinism,
                         ::testing::Values(
                             // Nothing but one stage: no port, so no fiber, and no sink.
                             Case{"one", "sim/example/one_stage.textproto", 3049217573759661474u,
                                  12380647361651366037u},
                             // Two outputs, a batch stage, windows that fill up, and effects through a port.
                             Case{"fan", "sim/mutants/fan.textproto", 15004900827324683414u, 3907038862186808706u},
                             // The same in transactions.
                             Case{"once", "sim/mutants/once.textproto", 16099605632793366681u, 16046403267996838200u}),
                         [](const ::testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace millrace::sim
