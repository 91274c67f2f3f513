#include "sim/report/words.h"

#include <algorithm>
#include <vector>

#include "sim/report/names.h"
#include "sim/report/timeline.h"

namespace millrace::sim {
namespace {

constexpr size_t kMaxLines = 36;

std::string Count(size_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

// What the run was: "3 jobs through parse, store on logs; 2 processes, each with all stages; 1 fault: crash".
std::string Scene(const Names& names) {
  const Plan& plan = names.plan();
  const Topology& topology = names.history().topology;
  std::string stages;
  for (uint16_t i = 0; i < topology.stages.size(); ++i) stages += (i == 0 ? "" : ", ") + names.Stage(i);
  std::string faults;
  for (const Fault& fault : plan.faults) faults += (faults.empty() ? ": " : ", ") + Printable(fault.kind, 40);
  return Count(names.history().jobs.size(), "job", "jobs") + " through " + stages +
         (topology.queue ? " on queues; " : " on logs; ") + Count(names.slots(), "process", "processes") +
         (plan.layout == Layout::kApart ? ", each with one stage; " : ", each with all stages; ") +
         Count(plan.faults.size(), "fault", "faults") + faults;
}

std::string Pad(size_t width, const std::string& text) {
  return std::string(width - std::min(width, Characters(text)), ' ');
}

}  // namespace

std::string Tell(const Plan& plan, const History& history, const Finding& finding) {
  const Names names(plan, history);
  const std::vector<TimelineLine> lines = Timeline(names, finding, kMaxLines);
  size_t time_width = 2, who_width = 3;
  std::vector<std::string> times;
  for (const TimelineLine& line : lines) {
    times.push_back(line.record == kNoRecord ? "" : Milliseconds(history.records[line.record].at_ns));
    time_width = std::max(time_width, Characters(times.back()));
    who_width = std::max(who_width, Characters(line.who));
  }
  std::string text = Printable(finding.promise) + " is broken: " + Printable(finding.text, 400) + "\n";
  text += "The run: " + Scene(names) + ".\n\n";
  if (lines.empty()) return text + "No record of the history tells more.\n\n";
  text += "  " + Pad(time_width, "ms") + "ms  who" + Pad(who_width, "who") + "  what\n";
  for (size_t i = 0; i < lines.size(); ++i) {
    const TimelineLine& line = lines[i];
    text += (line.evidence ? "> " : "  ") + Pad(time_width, times[i]) + times[i] + "  " + line.who +
            Pad(who_width, line.who) + "  " + line.what + "\n";
  }
  return text + "\n";
}

}  // namespace millrace::sim
