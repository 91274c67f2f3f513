// Which records of a history explain a finding, and the lines in which they are told.
//
//   const std::vector<TimelineLine> lines = Timeline(names, finding, 40);
//
// What matters: the evidence; everything about messages of the finding's job; commits that cover it; who owned its
// partitions, and when they changed hands; lives of the processes that touched it; all faults and crashes; how the run
// ended. Where that is too much, repetitions go first, then what matters least; each gap says what it holds.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_REPORT_TIMELINE_H_
#define MILLRACE_SIM_REPORT_TIMELINE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/checker.h"
#include "sim/history.h"
#include "sim/report/names.h"

namespace millrace::sim {

// How much a record matters, from 1 (evidence) to 5; 0: not for this finding.
using Weights = std::vector<uint8_t>;
Weights Weigh(const Names& names, const Finding& finding);

inline constexpr uint32_t kNoRecord = UINT32_MAX;

struct TimelineLine {
  uint32_t record = kNoRecord;  // index into History::records; kNoRecord: a gap
  std::string who;
  std::string what;  // of a gap: "14 more deliveries, 2 more confirms"
  bool evidence = false;
};

// At most max_lines (at least 3), in the order of the history.
std::vector<TimelineLine> Timeline(const Names& names, const Finding& finding, size_t max_lines);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_TIMELINE_H_
