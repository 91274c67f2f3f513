// What a plan must leave without its faults, worked out by the stages alone: no broker, no worker, no network, no time.
//
//   Oracle oracle(subject, options);
//   absl::StatusOr<History> expected = oracle.Run(plan, excused);
//   if (!expected.ok()) …                       // this plan is for a real run without faults
//
// The pipeline's stages run one after the other, each over everything that lies on its input, in the order of a feed
// without accidents: per key the order of first occurrences. Attempts fail, are tried again and become dead letters as
// the worker would have it. The history that comes out has jobs, dead letters and the final state, which is what
// checkers take from a run without faults (sim/checker.h), and no records. docs/decisions/0007 says why that is the same
// as running everything a second time; sim/oracle_test.cc compares the two.
//
// Errors: Unimplemented, with the reason, where the outcome depends on what only the worker does: the caller runs the
// plan without its faults then (Simulator::WithoutFaults).
// Threading: one thread at a time. Ownership: subject and options outlive it.
#ifndef MILLRACE_SIM_ORACLE_H_
#define MILLRACE_SIM_ORACLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/segment.h"
#include "sim/history.h"
#include "sim/plan.h"
#include "sim/run_options.h"
#include "sim/subject.h"

namespace millrace::sim {

class Oracle {
 public:
  Oracle(const Subject& subject, const RunOptions& options);

  // `left_out`: ids of jobs that are not handed over, ascending.
  absl::StatusOr<History> Run(const Plan& plan, std::span<const uint32_t> left_out);

 private:
  const Subject& subject_;
  const RunOptions& options_;
  std::vector<std::vector<uint16_t>> writers_;  // of a stage: the stages that write what it reads
  std::vector<uint16_t> order_;  // those that write before those that read; shorter where there is a cycle
  bus::SegmentPool segments_;    // of what stages emit
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_ORACLE_H_
