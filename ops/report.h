// What a run tells at its end, as a table for people or as JSON for programs.
//
// Threading: functions.
#ifndef MILLRACE_OPS_REPORT_H_
#define MILLRACE_OPS_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ops/books.h"
#include "ops/pipeline_run.h"

namespace millrace::ops {

struct RunReport {
  std::string pipeline;
  std::string bus;
  std::string folder;
  std::string dead_letters_file;
  std::string crash_model;
  bool interrupted = false;
  bool bus_saved = true;  // what is on it is there for the next run
  double elapsed_seconds = 0;
  uint64_t accepted_now = 0;  // by this run; the ledger counts all runs on the folder
  uint64_t skipped = 0;       // of these, known to have ended and not published again
  std::vector<StageReport> stages;
  std::vector<std::string> problems;
  Books books;
};

// What stages have done, a line each, and what of them is idle.
std::string StageTable(const std::vector<StageReport>& stages);

std::string ReportAsText(const RunReport& report);
// One object, with a line feed behind it.
std::string ReportAsJson(const RunReport& report);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_REPORT_H_
