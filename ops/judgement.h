// What the checkers say of a run on a real broker, for people and for programs.
#ifndef MILLRACE_OPS_JUDGEMENT_H_
#define MILLRACE_OPS_JUDGEMENT_H_

#include <string>

#include "sim/checker.h"
#include "sim/observed/observation.h"

namespace millrace::ops {

std::string JudgementAsText(const sim::Observed& observed, const sim::Verdicts& verdicts);
// {"processes", "lines", "accepted", "settled", "dead_lettered", "on_bus", "lost", "redone", "missing", "failed",
//  "promises": [{"name", "verdict", "why", "findings": [text]}]}
std::string JudgementAsJson(const sim::Observed& observed, const sim::Verdicts& verdicts);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_JUDGEMENT_H_
