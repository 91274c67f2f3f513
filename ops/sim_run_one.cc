// SimRun: one seed or one plan, closely.
#include <filesystem>
#include <utility>

#include "ops/sim_run.h"
#include "sim/plan_file.h"

namespace millrace::ops {

void SimRun::RunGiven() {
  SimWorker& worker = team_->main();
  const MonotonicTime start = clock_.Now();
  const std::string file = args_.plan.value_or("");
  RunDetail detail{.plan = *given_, .plan_file = file, .outcome = worker.Judge(*given_, file), .result = {}};
  detail.result = worker.campaign->ResultOf(*given_, detail.outcome);
  report_.totals.Add(detail.result);
  report_.totals.seconds = static_cast<double>((clock_.Now() - start).count()) / 1e9;
  report_.first_seed = given_->seed;
  log() << words_.News(team_->findings()) << DetailAsText(*setup_, detail);
  FailureTeller teller(*setup_, worker, clock_, Telling());
  if (detail.result.failed) {
    std::string name = "seed-" + std::to_string(given_->seed);
    if (args_.plan.has_value()) name = std::filesystem::path(*args_.plan).stem().string() + "-shrunk";
    std::vector<ToldFailure> told;
    told.push_back(teller.Tell(detail.result, name, file));
    Say(std::move(told));
  } else {
    if (args_.shrink) log() << "nothing to shrink: no promise is broken\n";
    const bool drawn = args_.seed.has_value();
    WritePage(detail.outcome, {.plan = *given_,
                               .what = drawn ? "seed " + std::to_string(*args_.seed) : *args_.plan,
                               .replay = drawn ? setup_->ReplaySeed(*args_.seed) : setup_->ReplayPlan(*args_.plan)});
  }
  if (args_.renew) Renew(detail.outcome);
  Take(teller);
  report_.detail = std::move(detail);
}

void SimRun::Renew(const sim::Outcome& outcome) {
  const std::vector<std::string> fires = sim::KindsStruck(*given_, outcome.history);
  if (fires.empty() && !given_->faults.empty()) {
    report_.findings.push_back(*args_.plan + ": none of its faults strikes anything, so it shows nothing; " +
                               "it was not renewed");
    return;
  }
  absl::StatusOr<std::string> text = ReadTextFile(*args_.plan);
  if (text.ok()) text = sim::WithFires(*args_.plan, *text, fires);
  const absl::Status written = text.ok() ? WriteTextFile(*args_.plan, *text) : text.status();
  if (!written.ok()) {
    report_.problems.emplace_back(written.message());
  } else {
    log() << "renewed: " << *args_.plan << "\n";
  }
}

}  // namespace millrace::ops
