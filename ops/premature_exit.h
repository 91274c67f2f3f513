// Bazel's way to tell a test that has come to its end from one whose process ended before with code 0, in a way that the
// guard against that does not see (sim/guard/exit_guard.h): a file that is there from the test's beginning to its end. $TEST_PREMATURE_EXIT_FILE names it, and ops/fault_test.sh looks.
//
//   const PrematureExit premature;      // until it is destroyed
//
// Threading: one thread.
#ifndef MILLRACE_OPS_PREMATURE_EXIT_H_
#define MILLRACE_OPS_PREMATURE_EXIT_H_

#include <string>

namespace millrace::ops {

class PrematureExit {
 public:
  PrematureExit();
  ~PrematureExit();
  PrematureExit(const PrematureExit&) = delete;
  PrematureExit& operator=(const PrematureExit&) = delete;

 private:
  std::string path_;  // empty: nobody asks for it
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_PREMATURE_EXIT_H_
