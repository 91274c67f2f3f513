// What checkers say, and how: findings in the order of time, and the names of things in sentences.
//
//   Findings findings(context, kNoLoss.name);
//   findings.Add("nothing of it is left", "job 7 (a) …", job, message, {record, other});
//   return findings.Take();
//
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_CHECKERS_FINDINGS_H_
#define MILLRACE_SIM_CHECKERS_FINDINGS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "sim/checker.h"

namespace millrace::sim {

class Findings {
 public:
  // As many are kept while a checker runs, and as many are reported of them.
  static constexpr size_t kKept = 64;
  static constexpr size_t kReported = 5;

  Findings(const CheckContext& context, std::string_view promise) : context_(context), promise_(promise) {}

  // Whether more would be thrown away: passes may stop then.
  bool full() const { return findings_.size() >= kKept; }
  bool empty() const { return findings_.empty(); }
  // Records that are kNone are left out. The job is the message's where none is given.
  void Add(std::string_view signature, std::string text, uint32_t job, uint32_t message,
           std::initializer_list<uint32_t> evidence);
  void Add(std::string_view signature, std::string text, uint32_t job, uint32_t message,
           std::vector<uint32_t> evidence);
  // Pass or fail.
  CheckResult Take();

 private:
  const CheckContext& context_;
  std::string_view promise_;
  std::vector<Finding> findings_;
};

CheckResult NotCheckable(std::string_view why);

// "job 7 (a)": its id in the plan, as everywhere else, and its id on the bus. "no job we know".
std::string JobName(const History& history, uint32_t job);
// "the input of job 7 (a)", "message 3f2c… of job 7 (a) on topic clean".
std::string MessageName(const History& history, uint32_t message);
std::string StageName(const History& history, uint16_t stage);                      // "stage parse"
std::string ProcessName(const History& history, const Record& record);              // "process 1 (life 2)"
std::string PlaceName(const History& history, uint16_t topic, uint32_t partition);  // "raw/0"

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_CHECKERS_FINDINGS_H_
