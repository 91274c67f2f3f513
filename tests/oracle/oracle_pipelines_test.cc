// The simulator's oracle (sim/oracle.h) leaves what a run without faults leaves, on the pipelines of this repository.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "sim/campaign.h"
#include "sim/draw.h"
#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "sim/testing/oracle_check.h"
#include "stages/discard.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/property/register.h"
#include "stages/registry.h"

namespace orders {

absl::Status RegisterStages(millrace::stages::Registry& registry);  // tests/guide/orders.cc

}  // namespace orders

namespace millrace::sim {
namespace {

void ExpectSame(const std::string& path, uint64_t seeds) {
  stages::Registry registry;
  ASSERT_TRUE(RegisterOneStage(registry).ok());
  ASSERT_TRUE(stages::RegisterDiscard(registry).ok());
  ASSERT_TRUE(orders::RegisterStages(registry).ok());
  ASSERT_TRUE(property::RegisterPropertyStages(registry).ok());
  const auto file = stages::PipelineFile::Load(path);
  ASSERT_TRUE(file.ok()) << file.status();
  auto resolved = stages::Resolve(file->pipeline());
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  auto subject = Subject::Make(*std::move(resolved), registry, {.base_dir = file->base_dir()});
  ASSERT_TRUE(subject.ok()) << subject.status();
  auto inputs = subject->ReadSources(500);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  subject->SetInputs(*std::move(inputs));
  auto simulator = Simulator::Make(*subject);
  ASSERT_TRUE(simulator.ok()) << simulator.status();
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const OracleCheck check = CheckOracle(*subject, **simulator, Draw(seed, FactsOf(*subject)), {});
    ASSERT_TRUE(check.carried) << path << ", seed " << seed << ": " << check.text;
    ASSERT_TRUE(check.same) << path << ", seed " << seed << ": " << check.text;
    EXPECT_GT(check.lines, 0u) << path << ", seed " << seed;
  }
}

TEST(OraclePipelines, Example) { ExpectSame("tests/example/one.textproto", 300); }

TEST(OraclePipelines, Guide) { ExpectSame("tests/guide/orders.textproto", 300); }

TEST(OraclePipelines, Property) { ExpectSame("stages/property/property.textproto", 150); }

}  // namespace
}  // namespace millrace::sim
