// One record as a sentence for people; who does it is Names::Who.
//
//   names.Who(record) + " " + Sentence(names, record)   →   "broker stores job 7 in raw/0 at offset 1"
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_REPORT_SENTENCE_H_
#define MILLRACE_SIM_REPORT_SENTENCE_H_

#include <string>
#include <string_view>

#include "sim/history.h"
#include "sim/report/names.h"

namespace millrace::sim {

std::string Sentence(const Names& names, const Record& record);

// What records of the kind are, for counting them: "delivery", "deliveries".
std::string_view Noun(Kind kind, bool plural);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_SENTENCE_H_
