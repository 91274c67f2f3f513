#include "sim/mutants/planted.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "sim/example/one_stage.h"
#include "sim/mutants/fan_stages.h"
#include "sim/testing/ledger_port.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/property/register.h"

namespace millrace::sim {
namespace {

constexpr size_t kInputs = 200;

}  // namespace

absl::StatusOr<std::unique_ptr<Hunt>> Hunt::Make(std::string_view pipeline, std::optional<Semantics> semantics) {
  std::unique_ptr<Hunt> hunt(new Hunt());
  for (const auto add : {&RegisterOneStage, &AddLedger, &AddFanStages, &property::RegisterPropertyStages}) {
    if (absl::Status added = add(hunt->registry_); !added.ok()) return added;
  }
  const std::string_view path = pipeline == "one"     ? "sim/example/one_stage.textproto"
                                : pipeline == "fan"   ? "sim/mutants/fan.textproto"
                                : pipeline == "once"  ? "sim/mutants/once.textproto"
                                : pipeline == "store" ? "sim/mutants/store.textproto"
                                                      : "";
  if (path.empty()) return absl::InvalidArgumentError("no pipeline of that name");
  const auto file = stages::PipelineFile::Load(std::string(path));
  if (!file.ok()) return file.status();
  auto resolved = stages::Resolve(file->pipeline());
  if (!resolved.ok()) return resolved.status();
  auto subject = Subject::Make(*std::move(resolved), hunt->registry_, {});
  if (!subject.ok()) return subject.status();
  hunt->subject_ = *std::move(subject);
  auto inputs = hunt->subject_.ReadSources(kInputs);
  if (!inputs.ok()) return inputs.status();
  hunt->subject_.SetInputs(*std::move(inputs));
  auto simulator = Simulator::Make(hunt->subject_);
  if (!simulator.ok()) return simulator.status();
  hunt->simulator_ = *std::move(simulator);
  CampaignOptions options{.draw = FactsOf(hunt->subject_), .promises = {}};
  if (semantics.has_value()) options.draw.semantics = semantics;
  hunt->campaign_ = std::make_unique<Campaign>(hunt->subject_, *hunt->simulator_, std::move(options));
  return hunt;
}

Find Search(Campaign& campaign, uint64_t first, uint64_t tries_max) {
  Find find;
  while (!find.found && find.tried < tries_max) {
    SeedResult result = campaign.RunSeed(first + find.tried);
    ++find.tried;
    if (result.effective) ++find.effective;
    if (!result.failed) continue;
    find.found = true;
    find.seed = result.seed;
    find.failure = std::move(result.failure);
    find.plan = std::move(result.plan);
  }
  return find;
}

bool Expected(const PlantedBug& bug, const Failure& failure) {
  return std::find(bug.expects.begin(), bug.expects.end(), failure.promise) != bug.expects.end();
}

}  // namespace millrace::sim
