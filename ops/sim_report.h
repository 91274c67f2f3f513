// What a simulation has found out, as text and as JSON.
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_REPORT_H_
#define MILLRACE_OPS_SIM_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/seed_share.h"
#include "ops/sim_campaign.h"
#include "ops/sim_failure.h"
#include "ops/sim_setup.h"
#include "ops/sim_stage_words.h"
#include "sim/guard/stage_finding.h"

namespace millrace::ops {

// A run without faults: what the pipeline does with its inputs on a good day.
struct CalmRun {
  sim::Semantics semantics = sim::Semantics::kLog;
  uint64_t accepted = 0, settled = 0, dead_lettered = 0;
  std::string reason;   // the commonest of its dead letters
  std::string finding;  // what is wrong with it; empty: nothing
};

// One run, looked at closely.
struct RunDetail {
  sim::Plan plan;
  std::string plan_file;  // empty: drawn from its seed
  sim::Outcome outcome;
  sim::SeedResult result;
};

struct SimReport {
  uint64_t first_seed = 1;
  int threads = 1;
  bool one_run = false;  // of a seed or a plan that was named
  std::string what;      // "seeds 1 … 1,000", "all schedules with one or two crashes"
  SimTotals totals;
  std::vector<CalmRun> calm;
  std::vector<ToldFailure> failures;
  std::vector<CountedFinding> stage_findings;
  std::vector<std::pair<std::string, std::string>> not_checkable;  // stage, why
  std::vector<std::string> findings;                               // too few effective seeds, …
  std::vector<std::string> problems;                               // of the machine
  uint64_t min_effective = 0;
  bool show_coverage = false;
  std::optional<RunDetail> detail;

  bool well() const { return totals.failures.empty() && stage_findings.empty() && findings.empty(); }
};

// The first lines, before anything runs.
std::string HeadAsText(const SimSetup& setup, const SimReport& report);
std::string CalmAsText(const std::vector<CalmRun>& calm);
// The plan, what happened, and what is said about each promise.
std::string DetailAsText(const SimSetup& setup, const RunDetail& detail);
// Findings about stages, with the advice that these are about the stages. Empty: none.
std::string StageFindingsAsText(const SimReport& report);
// The finding of a fault test with too few effective seeds; empty: there are enough. Whoever names the seeds gets these, however
// many are wanted otherwise, and may not get nothing for them.
std::string TooFewEffective(const SimTotals& totals, uint64_t wanted, bool named);
// The finding of a fault test that was asked for a range of seeds and had no time for all, with where to go on; empty: all have
// run.
std::string NotAllSeeds(const SimTotals& totals, const SeedShare& share);
// The end: tables and totals.
std::string ReportAsText(const SimSetup& setup, const SimReport& report);
std::string ReportAsJson(const SimSetup& setup, const SimReport& report);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_REPORT_H_
