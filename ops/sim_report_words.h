// What both forms of a report say in the same words: text (ops/sim_report.cc) and JSON (ops/sim_report_json.cc).
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_REPORT_WORDS_H_
#define MILLRACE_OPS_SIM_REPORT_WORDS_H_

#include <cstdint>
#include <string_view>

#include "sim/checker.h"

namespace millrace::ops {

inline uint64_t PerSecond(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<uint64_t>(static_cast<double>(count) / seconds) : 0;
}

inline std::string_view NameOf(sim::Verdict verdict) {
  return verdict == sim::Verdict::kPass ? "pass" : verdict == sim::Verdict::kFail ? "FAIL" : "not checkable";
}

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_REPORT_WORDS_H_
