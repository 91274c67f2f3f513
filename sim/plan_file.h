// Plans in files: a corpus, what a failing test leaves behind, what people write by hand.
//
//   absl::StatusOr<PlanFile> file = ReadPlanFile("corpus/7.plan", text);
//   if (!file.ok()) …                                    // "corpus/7.plan:12: there is no fault "crahs"; did you mean …"
//   out << WritePlanFile(*file);
//
// Writing is stable: the same file gives the same bytes, and reading them gives the same plan. Of a trigger only what its
// kind uses is written.
//
// Errors: InvalidArgument, a line for each problem, with file, line and what to do.
// Threading: pure functions.
#ifndef MILLRACE_SIM_PLAN_FILE_H_
#define MILLRACE_SIM_PLAN_FILE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sim/plan.h"
#include "sim/plan_migrations.h"
#include "sim/validate.h"

namespace millrace::sim {

// Where the parts of a plan stand in its file, from 1; 0 or too short: not known.
struct PlanLines {
  std::vector<int> jobs;
  std::vector<int> faults;
  int timing = 0;
  int limits = 0;
};

struct PlanFile {
  Plan plan;
  // What once failed with it; in a corpus it must not fail again. Empty: nothing has.
  std::string promise;
  std::string signature;
  // Kinds of the faults that struck when it was saved, each as often as there are such faults, and must strike still. Empty:
  // not known, or there are no faults.
  std::vector<std::string> fires;
  std::string note;  // for people
  PlanLines lines;   // filled in by reading
};

struct ReadPlanOptions {
  uint32_t version = kPlanVersion;
  std::span<const PlanMigration> migrations = PlanMigrations();
};

// `name` is for messages. What is read has passed CheckPlan.
absl::StatusOr<PlanFile> ReadPlanFile(std::string_view name, std::string_view text,
                                      const ReadPlanOptions& options = {});

// ValidatePlan, with file and line.
absl::Status ValidatePlanFile(std::string_view name, const PlanFile& file, const Topology& topology,
                              const InputFacts& inputs, bool next_version = false);

struct WritePlanOptions {
  // How to run it again, for the comment at its head: a command line.
  std::string_view replay = "<pipeline> sim --plan=<this file>";
};
std::string WritePlanFile(const PlanFile& file, const WritePlanOptions& options = {});

// The text of a plan file with other `fires`, and nothing else changed: comments and the order of things are people's. Errors:
// InvalidArgument where the text has them in a place that a program should leave alone.
absl::StatusOr<std::string> WithFires(std::string_view name, std::string_view text,
                                      const std::vector<std::string>& fires);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PLAN_FILE_H_
