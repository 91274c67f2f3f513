// What a failing plan is made into for people: shrunk, told in words, written down with the command that runs it again.
//
//   FailureTeller teller(setup, team.main(), clock, {.plans = {.path = "sim-failures"}});
//   const ToldFailure told = teller.Tell(result, "seed-17");
//   std::cout << told.text;
//
// Errors: what cannot be written is said in the text, and in `problems`; the story is told all the same.
// Threading: the thread of the worker.
#ifndef MILLRACE_OPS_SIM_FAILURE_H_
#define MILLRACE_OPS_SIM_FAILURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/clock.h"
#include "ops/sim_campaign.h"
#include "ops/sim_setup.h"

namespace millrace::ops {

struct TellOptions {
  PlanFolder plans;    // pages go there, too
  std::string report;  // a page of the first failure goes here as well; empty: nowhere
  bool shrink = true;
  GoOn go_on = nullptr;  // false: nothing is made any smaller, as a signal has come; nullptr: none comes
  Duration shrink_limit = std::chrono::seconds(60);
  bool plan_inline = false;     // the plan's text in the story
  size_t alike_plans_most = 0;  // of seeds that fail like another, and are not shrunk: so many plans are written
  std::string given_plan;       // the plan is in this file already, and is not written again; no page beside it
};

struct ToldFailure {
  uint64_t seed = 0;
  sim::Failure failure;
  sim::Plan plan;  // shrunk, where it could be
  uint64_t shrink_runs = 0;
  bool shrunk = false;
  std::string plan_path, page_path;  // empty: not written
  std::string replay;                // empty: no command runs it alone
  std::string text;
  // What ended the shrinking where there might be something smaller: "time", "runs", "signal"; empty: nothing
  // did.
  std::string shrink_ended_by;
  // Other seeds that fail with the same promise and signature.
  struct Alike {
    uint64_t seed = 0;
    std::string plan_path;  // empty: not written
    std::string replay;     // empty: no command runs it alone
  };
  std::vector<Alike> alike;
};

class FailureTeller {
 public:
  FailureTeller(const SimSetup& setup, SimWorker& worker, const Clock& clock, TellOptions options)
      : setup_(setup), worker_(worker), clock_(clock), options_(std::move(options)) {}

  // `name`: of the files. `file`: that the plan was read from; empty: from none.
  ToldFailure Tell(const sim::SeedResult& result, const std::string& name, const std::string& file = "");
  // The first of each kind of failure, with the seeds that fail alike. Only the first few kinds are shrunk.
  std::vector<ToldFailure> TellAll(const std::vector<sim::SeedResult>& failures, const std::string& prefix);
  // A plan as it is, e.g. of a run that never ended, with the kinds of faults that struck. Gives the path; empty where it could
  // not be written.
  std::string Save(const sim::Plan& plan, const sim::Failure& failure, const std::string& name,
                   std::vector<std::string> fires = {});
  // Whether TellOptions::report is written.
  bool reported() const { return reported_; }

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  // Writes the plan of a failure that is not told at length, unless there are enough of them.
  ToldFailure::Alike SaveAlike(const sim::SeedResult& result, const std::string& name);
  // The command for a failure whose plan is (or could not be) written under that name.
  std::string ReplayOf(const sim::Plan& plan, const std::string& name, bool written) const;
  void Shrink(const sim::SeedResult& result, ToldFailure* told);
  void WritePage(const std::string& path, const std::string& page);

  const SimSetup& setup_;
  SimWorker& worker_;
  const Clock& clock_;
  const TellOptions options_;
  std::vector<std::string> problems_;
  bool reported_ = false;
  size_t alike_plans_ = 0;
};

// The seeds that fail like one that was told, each with what runs it alone; empty: there are none.
std::string AlikeAsText(const ToldFailure& told);

// For the plan of a run that never ended, or that a stage has ended.
std::string StuckName(const sim::StageFinding& finding, const sim::Plan& plan);

// Whether a file can be written there; nothing is left of the try.
absl::Status CheckWritable(const std::string& path);
// Makes the folder it lies in, too.
absl::Status WriteTextFile(const std::string& path, const std::string& text);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_FAILURE_H_
