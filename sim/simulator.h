// Start here to run simulations: plans in, histories and verdicts out.
//
//   absl::StatusOr<Subject> subject = Subject::Make(pipeline, registry, {});
//   subject->SetInputs(*subject->ReadSources(500));
//   absl::StatusOr<std::unique_ptr<Simulator>> simulator = Simulator::Make(*subject);
//   Outcome outcome = (*simulator)->Judge(Draw(seed, facts));
//   if (outcome.verdicts.failed()) …
//
// A run is a function of plan, subject and binary: the same ones give the same history, bit for bit. Its schedule is the
// same with every compiler.
//
// Errors: Make reports what the factories of stages and ports say. A plan must be valid (ValidatePlan).
// Threading: one thread at a time; as many simulators on as many threads as you like over one subject.
#ifndef MILLRACE_SIM_SIMULATOR_H_
#define MILLRACE_SIM_SIMULATOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/checker.h"
#include "sim/fiber.h"
#include "sim/history.h"
#include "sim/oracle.h"
#include "sim/plan.h"
#include "sim/run_options.h"
#include "sim/subject.h"

namespace millrace::sim {

// What final state and dead letters were compared with.
enum class ComparedWith : uint8_t {
  kNothing,  // nobody has asked; or no fault has fired, so that it is the run without them, and the oracle cannot say
  kOracle,   // what the stages alone make of the jobs (sim/oracle.h)
  kFaultlessRun,  // the plan run without its faults, where the oracle cannot say
};

struct Outcome {
  History history;
  Verdicts verdicts;
  // A fault struck while accepted jobs were unfinished.
  bool effective = false;
  ComparedWith compared_with = ComparedWith::kNothing;
  // Jobs, as the ledger has them (sim/ledger.h).
  uint64_t accepted = 0, settled = 0, dead_lettered = 0;
};

class Simulator {
 public:
  // `options.fibers` is the simulator's own.
  static absl::StatusOr<std::unique_ptr<Simulator>> Make(const Subject& subject, RunOptions options = {});

  History Run(const Plan& plan);
  // The plan without its faults, and without the jobs with these ids (ascending).
  History WithoutFaults(const Plan& plan, std::span<const uint32_t> left_out);
  // Runs and checks; `faultless`: works out too what the plan leaves without its faults, for the checkers that compare.
  Outcome Judge(const Plan& plan, bool faultless = true);
  const Subject& subject() const { return subject_; }
  RunOptions& options() { return options_; }

 private:
  Simulator(const Subject& subject, RunOptions options);

  const Subject& subject_;
  FiberPool fibers_;
  RunOptions options_;
  Oracle oracle_;
};

// Whether a fault struck while accepted jobs were unfinished.
bool Effective(const History& history);

// The kinds of the faults that struck, by name: a kind as often as there are such faults, however often each struck.
std::vector<std::string> KindsStruck(const Plan& plan, const History& history);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SIMULATOR_H_
