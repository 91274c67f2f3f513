// What a simulation is about: a pipeline with its inputs, and what plans are drawn from, as a command line has them.
//
//   absl::StatusOr<std::unique_ptr<SimSetup>> setup = SimSetup::Make(program, {.pipeline = path, .jobs_max = 50}, std::cerr);
//   sim::Plan plan = sim::Draw(4711, (*setup)->campaign().draw);
//
// Errors: InvalidArgument or NotFound for what the user gave, with what to do; others are the machine's.
// Threading: immutable after Make.
#ifndef MILLRACE_OPS_SIM_SETUP_H_
#define MILLRACE_OPS_SIM_SETUP_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/program.h"
#include "sim/campaign.h"
#include "sim/plan_file.h"
#include "sim/subject.h"

namespace millrace::ops {

struct SimScope {
  std::string pipeline;             // empty: the program's default
  std::vector<std::string> inputs;  // files with a job a line; empty: what the pipeline's sources give
  // How commands for a replay name these, where they lie elsewhere then; empty: as they are.
  std::vector<std::string> inputs_in_replay;
  std::string semantics;              // "log", "queue"; empty: seeds draw it
  uint32_t jobs_max = 200;            // of a run
  uint32_t partitions_max = 0;        // of a topic, whatever the pipeline says; 0: as it says
  std::vector<std::string> faults;    // kinds that may be drawn; empty: all
  std::vector<std::string> promises;  // that are checked; empty: all
  // What starts this program for a replay, before the options: "bazel run //orders -- sim". Empty: as it was called.
  std::string command;
};

class SimSetup {
 public:
  // What lint finds goes to `log`.
  static absl::StatusOr<std::unique_ptr<SimSetup>> Make(const Program& program, SimScope scope, std::ostream& log);

  const SimScope& scope() const { return scope_; }
  const std::string& name() const { return subject_.pipeline().name; }
  const sim::Subject& subject() const { return subject_; }
  const sim::CampaignOptions& campaign() const { return campaign_; }
  // Those that seeds may draw.
  std::vector<sim::Semantics> semantics() const;
  bool Checks(std::string_view promise) const;

  // A plan over (at most `jobs_max`) inputs without any fault.
  sim::Plan CalmPlan(sim::Semantics semantics, uint32_t jobs_max) const;
  // Reads and validates: every message names file and line.
  absl::StatusOr<sim::PlanFile> ReadPlan(const std::string& path) const;

  // Why the plan does not show any more what it is kept in a corpus for, given what ran; empty: it does. One that does not say
  // which of its faults must strike is stale where none does.
  std::string WhyStale(const std::string& path, const sim::PlanFile& file, const sim::SeedResult& result) const;
  // Of a plan that does not say it, which of its faults strike, and how it comes to say so; empty: it says it, or has none.
  std::string WhatStrikes(const std::string& path, const sim::PlanFile& file, const sim::SeedResult& result) const;

  // Command lines that do the same again, with this binary.
  std::string ReplayPlan(const std::string& path) const;
  std::string ReplaySeed(uint64_t seed) const;

 private:
  SimSetup() = default;
  absl::Status Load(const Program& program, std::ostream& log);
  absl::Status ReadInputs();
  absl::Status CheckNames() const;
  absl::Status CheckNextVersion(const Program& program) const;
  // Whether so many jobs are wanted that more is read of the sources than otherwise.
  bool JobsChooseInputs() const;
  std::string Again() const;

  SimScope scope_;
  std::string path_;  // of the pipeline
  sim::Subject subject_;
  sim::CampaignOptions campaign_;
};

// A word of a command line for a shell.
std::string ShellWord(const std::string& word);
// Not of what has no end that can be waited for: devices and pipes.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_SETUP_H_
