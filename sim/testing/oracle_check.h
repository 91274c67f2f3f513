// The oracle and the real run without faults, side by side: they must leave the same.
//
//   const OracleCheck check = CheckOracle(subject, *simulator, plan, {});
//   EXPECT_TRUE(check.carried) << check.text;          // else why the oracle says nothing of this plan
//   EXPECT_TRUE(check.same) << check.text;             // else the first difference
//
// Threading: the simulator's.
#ifndef MILLRACE_SIM_TESTING_ORACLE_CHECK_H_
#define MILLRACE_SIM_TESTING_ORACLE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "sim/plan.h"
#include "sim/simulator.h"
#include "sim/subject.h"

namespace millrace::sim {

struct OracleCheck {
  bool carried = false;
  bool same = false;
  std::string text;
  size_t lines = 0;         // of the final state
  size_t dead_letters = 0;  // messages that became some
};

// `left_out`: ids of jobs that neither is given, ascending.
OracleCheck CheckOracle(const Subject& subject, Simulator& simulator, const Plan& plan,
                        std::span<const uint32_t> left_out);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_TESTING_ORACLE_CHECK_H_
