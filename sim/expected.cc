#include "sim/expected.h"

namespace millrace::sim {
namespace {

bool Concerns(const Excuse& excuse, const FaultType* fault) {
  return excuse.concerns == nullptr || (fault != nullptr && excuse.concerns(*fault));
}

void Add(Expected& expected, std::string_view why) {
  if (!expected.why.empty()) expected.why += "; ";
  expected.why += why;
}

}  // namespace

std::string Expected::ToString() const {
  const std::string pass = excused ? "excused" : "pass";
  if (on_logs == on_queues) return on_logs == Verdict::kPass ? pass : "not checkable";
  return pass + "; not checkable on " + (on_queues == Verdict::kPass ? "logs" : "queues");
}

Expected ExpectedOf(const Checker& checker, const FaultType* fault) {
  Expected expected;
  for (const Excuse& excuse : checker.excuses) {
    if (!Concerns(excuse, fault)) continue;
    Add(expected, excuse.why);
    expected.excused = true;
    if (excuse.whole) expected.on_logs = expected.on_queues = Verdict::kNotCheckable;
  }
  if (fault == nullptr) return expected;
  for (const Suspension& suspension : fault->suspends) {
    if (suspension.promise != checker.name) continue;
    Add(expected, suspension.why);
    expected.on_queues = Verdict::kNotCheckable;
    if (!suspension.queues_only) expected.on_logs = Verdict::kNotCheckable;
  }
  return expected;
}

}  // namespace millrace::sim
