// Stages that make more of their jobs than they read: windows that are larger than the number of jobs fill all the same, and
// bodies are spooled that no input is large enough for. Neither may be listed as impossible, and plans are aimed at both.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/campaign.h"
#include "sim/coverage.h"
#include "sim/coverage_plan.h"
#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "sim/subject.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kJobs = 12;
constexpr uint64_t kSeeds = 5;

// So many messages of so many bytes for each that it reads.
class Multiply final : public stages::Stage {
 public:
  Multiply(size_t messages, size_t bytes) : messages_(messages), bytes_(bytes) {}
  absl::Status Process(stages::Context&, const bus::Message&, stages::Outputs& outputs) override {
    const std::string body(bytes_, 'x');
    for (size_t i = 0; i < messages_; ++i) {
      if (absl::Status emitted = outputs.Emit({.body = body}); !emitted.ok()) return emitted;
    }
    return absl::OkStatus();
  }

 private:
  const size_t messages_, bytes_;
};

class CoverageGrowth : public ::testing::Test {
 protected:
  void Make(size_t messages, size_t bytes) {
    ASSERT_TRUE(RegisterOneStage(registry_).ok());
    ASSERT_TRUE(
        registry_
            .AddStage({.kind = "multiply",
                       .summary = "makes more of it",
                       .make = [=](const stages::StageConfig&) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
                         return std::make_unique<Multiply>(messages, bytes);
                       }})
            .ok());
    const auto resolved = stages::Resolve(stages::PipelineFile::Parse("growth.textproto", R"(
        name: "growth"
        topic { name: "in" partitions: 1 }
        topic { name: "more" partitions: 1 }
        topic { name: "out" partitions: 1 }
        topic { name: "dead" dead_letter: true }
        source {
          name: "jobs" kind: "jobs" topic: "in"
          option { key: "count" value: "12" }
          option { key: "keys" value: "3" }
        }
        stage { name: "multiply" kind: "multiply" input: "in" output { topic: "more" } dead_letter: "dead" window { messages: 100 } }
        stage { name: "relay" kind: "relay" input: "more" output { topic: "out" } dead_letter: "dead" window { messages: 100 } }
    )")
                                              .pipeline());
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    auto subject = Subject::Make(*resolved, registry_, {});
    ASSERT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    subject_.SetInputs(*subject_.ReadSources(kJobs));
    simulator_ = *Simulator::Make(subject_);
    facts_ = FactsOf(subject_);
    campaign_ = std::make_unique<Campaign>(subject_, *simulator_, CampaignOptions{.draw = facts_, .promises = {}});
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) Run(campaign_->PlanOf(seed));
  }
  void Run(const Plan& plan) {
    const SeedResult result = campaign_->RunPlan(plan);
    EXPECT_FALSE(result.failed) << result.failure.promise << ": " << result.failure.text;
  }
  std::string WhyImpossible(ActionKind action, std::optional<Semantics> semantics = std::nullopt) const {
    DrawFacts facts = facts_;
    facts.semantics = semantics;
    return campaign_->coverage().WhyImpossible("crash", action, facts);
  }
  uint64_t Hits(ActionKind action) const { return campaign_->coverage().hits("crash", action); }
  void AimCrashAt(ActionKind action) {
    for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
      if (Hits(action) > 0) break;
      DrawFacts facts = facts_;
      facts.semantics = semantics;
      absl::StatusOr<CellPlan> cell = PlanForCell("crash", action, facts, campaign_->coverage());
      if (absl::IsFailedPrecondition(cell.status())) continue;  // impossible on these
      ASSERT_TRUE(cell.ok()) << cell.status();
      std::vector<std::vector<ActionKind>> trace;
      simulator_->options().trace = &trace;
      simulator_->Run(cell->Unarmed());
      simulator_->options().trace = nullptr;
      if (Aim(*cell, trace[cell->process])) Run(cell->plan);
    }
  }

  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
  DrawFacts facts_;
  std::unique_ptr<Campaign> campaign_;
};

TEST_F(CoverageGrowth, AStageThatSplitsFillsWindowsLargerThanAllJobs) {
  Make(/*messages=*/20, /*bytes=*/10);
  EXPECT_EQ(WhyImpossible(ActionKind::kFlow), "");
  EXPECT_NE(WhyImpossible(ActionKind::kSpool), "");
  AimCrashAt(ActionKind::kFlow);
  EXPECT_GT(Hits(ActionKind::kFlow), 0u);
}

TEST_F(CoverageGrowth, AStageThatEnlargesFillsWindowsByBytesAndHasBodiesSpooled) {
  Make(/*messages=*/1, /*bytes=*/990'000);
  EXPECT_EQ(WhyImpossible(ActionKind::kFlow), "");
  EXPECT_NE(WhyImpossible(ActionKind::kFlow, Semantics::kLog), "") << "the topic takes 4 MiB, the window 8";
  EXPECT_EQ(WhyImpossible(ActionKind::kSpool), "");
  AimCrashAt(ActionKind::kFlow);
  AimCrashAt(ActionKind::kSpool);
  EXPECT_GT(Hits(ActionKind::kFlow), 0u);
  EXPECT_GT(Hits(ActionKind::kSpool), 0u);
}

TEST_F(CoverageGrowth, NeitherWhereNothingGrows) {
  Make(/*messages=*/1, /*bytes=*/10);
  EXPECT_NE(WhyImpossible(ActionKind::kFlow), "");
  EXPECT_NE(WhyImpossible(ActionKind::kSpool), "");
}

}  // namespace
}  // namespace millrace::sim
