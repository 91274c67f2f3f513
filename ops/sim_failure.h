// What a failing plan is made into for people: shrunk, told in words, written down with the command that runs it again.
//
//   FailureTeller teller(setup, team.main(), clock, {.out = "sim-failures"});
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
  std::string out;     // folder for plans and pages; made when the first is written
  std::string report;  // a page of the first failure goes here as well; empty: nowhere
  bool shrink = true;
  Duration shrink_limit = std::chrono::seconds(60);
  bool plan_inline = false;  // the plan's text in the story
  // How to name the folder in replay commands; empty: as it is.
  std::string out_in_replay;
  std::string given_plan;  // the plan is in this file already, and is not written again; no page beside it
};

struct ToldFailure {
  uint64_t seed = 0;
  sim::Failure failure;
  sim::Plan plan;  // shrunk, where it could be
  uint64_t shrink_runs = 0;
  bool shrunk = false;
  std::string plan_path, page_path, replay;  // empty: not written
  std::string text;
  std::vector<uint64_t> alike;  // other seeds that fail with the same promise and signature
};

class FailureTeller {
 public:
  FailureTeller(const SimSetup& setup, SimWorker& worker, const Clock& clock, TellOptions options)
      : setup_(setup), worker_(worker), clock_(clock), options_(std::move(options)) {}

  // `name`: of the files.
  ToldFailure Tell(const sim::SeedResult& result, const std::string& name);
  // The first of each kind of failure, with the seeds that fail alike. Only the first few kinds are shrunk.
  std::vector<ToldFailure> TellAll(const std::vector<sim::SeedResult>& failures, const std::string& prefix);
  // A plan as it is, e.g. of a run that never ended. Gives the path; empty where it could not be written.
  std::string Save(const sim::Plan& plan, const sim::Failure& failure, const std::string& name);

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::string InReplay(const std::string& name) const;  // path of the plan, for commands
  void Shrink(const sim::SeedResult& result, ToldFailure* told);
  void WritePage(const std::string& path, const std::string& page);

  const SimSetup& setup_;
  SimWorker& worker_;
  const Clock& clock_;
  const TellOptions options_;
  std::vector<std::string> problems_;
  bool reported_ = false;
};

// Whether a file can be written there; nothing is left of the try.
absl::Status CheckWritable(const std::string& path);
// Makes the folder it lies in, too.
absl::Status WriteTextFile(const std::string& path, const std::string& text);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_FAILURE_H_
