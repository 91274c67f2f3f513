#include "sim/validate.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "sim/duration_text.h"
#include "sim/fault.h"
#include "sim/faults/drawing.h"
#include "sim/plan_names.h"
#include "stages/suggest.h"

namespace millrace::sim {
namespace {

constexpr uint32_t kProcessesMax = 1000;
constexpr uint32_t kIdMax = INT32_MAX;  // ids of jobs are parts of faults
// Of what clients and brokers do again and again, down to half of it: a run would be full of that, and of nothing else.
constexpr int64_t kShortestPeriodNs = 1'000'000;

class Collector {
 public:
  explicit Collector(const Plan& plan) : plan_(plan) {}

  void Add(PlanProblem::Part part, size_t index, std::string field, std::string text) {
    problems.push_back({part, index, std::move(field), std::move(text)});
  }
  void Fault(size_t index, std::string field, std::string text) {
    Add(PlanProblem::Part::kFault, index, std::move(field), std::move(text));
  }
  bool HasJob(uint32_t id) const {
    const auto at = std::lower_bound(plan_.jobs.begin(), plan_.jobs.end(), id,
                                     [](const Job& job, uint32_t wanted) { return job.id < wanted; });
    return at != plan_.jobs.end() && at->id == id;
  }
  std::string NoJob(uint32_t id) const {
    return "there is no job " + std::to_string(id) + " in this plan; name one of its jobs, or take the fault out";
  }

  std::vector<PlanProblem> problems;

 private:
  const Plan& plan_;
};

using Part = PlanProblem::Part;

// Empty: it is a time that a run can have.
std::string WrongTime(int64_t ns, std::string_view what, std::string_view negative) {
  if (ns < 0) return "the " + std::string(what) + " is negative; " + std::string(negative);
  if (ns > kLongestNs) return "the " + std::string(what) + " is over 30 days, longer than any run; give a shorter one";
  return "";
}

constexpr std::string_view kFromTheStart = "times count from the start of the run";

void CheckJobs(const Plan& plan, Collector& out) {
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const Job& job = plan.jobs[i];
    if (i > 0 && job.id <= plan.jobs[i - 1].id) {
      out.Add(Part::kJob, i, "id", "ids must ascend; the job before it has " + std::to_string(plan.jobs[i - 1].id));
    }
    if (job.id > kIdMax) out.Add(Part::kJob, i, "id", "the id is too large; at most " + std::to_string(kIdMax));
    if (std::string wrong = WrongTime(job.at_ns, "time", kFromTheStart); !wrong.empty())
      out.Add(Part::kJob, i, "at", std::move(wrong));
  }
}

void CheckTrigger(const Plan& plan, size_t index, Collector& out) {
  const Trigger& trigger = plan.faults[index].trigger;
  if (std::string wrong = WrongTime(trigger.at_ns, "time", kFromTheStart); !wrong.empty())
    out.Fault(index, "at", std::move(wrong));
  switch (trigger.kind) {
    case TriggerKind::kAtTime:
      break;
    case TriggerKind::kAfterAction:
      if (trigger.count == 0) out.Fault(index, "after_action", "the count is 0; actions are counted from 1");
      break;
    case TriggerKind::kInPort:
      if (trigger.count == 0) out.Fault(index, "in_port", "the count is 0; calls are counted from 1");
      break;
    case TriggerKind::kAtJob:
      if (trigger.count == 0) out.Fault(index, "at_job", "the count is 0; actions are counted from 1");
      if (!out.HasJob(trigger.job)) out.Fault(index, "at_job", out.NoJob(trigger.job));
      if (trigger.action == ActionKind::kFlow || trigger.action == ActionKind::kRelease ||
          trigger.action == ActionKind::kLeave || trigger.action == ActionKind::kAbort) {
        out.Fault(index, "at_job",
                  "the action " + std::string(NameOf(trigger.action)) + " concerns no job; use after_action");
      }
      break;
  }
}

void CheckFaults(const Plan& plan, Collector& out) {
  for (size_t i = 0; i < plan.faults.size(); ++i) {
    const Fault& fault = plan.faults[i];
    if (i > 0 && fault.id <= plan.faults[i - 1].id) {
      out.Fault(i, "id", "ids must ascend; the fault before it has " + std::to_string(plan.faults[i - 1].id));
    }
    CheckTrigger(plan, i, out);
    if (std::string wrong = WrongTime(fault.duration_ns, "duration", "leave it out for none"); !wrong.empty())
      out.Fault(i, "duration", std::move(wrong));
    const FaultType* type = FindFault(fault.kind);
    if (type == nullptr) {
      out.Fault(i, "kind", "there is no fault \"" + fault.kind + "\"; " + stages::Suggest(fault.kind, FaultNames()));
      continue;
    }
    if (fault.amount < type->amount_least || fault.amount > type->amount_most) {
      const std::string means = type->amount.empty() ? "" : " (" + std::string(type->amount) + ")";
      out.Fault(i, "amount",
                "the amount " + std::to_string(fault.amount) + means + " cannot be; give " +
                    std::to_string(type->amount_least) + " to " + std::to_string(type->amount_most));
    }
    if (fault.part < -1) out.Fault(i, "part", "the part is negative; leave it out where the kind has none");
    if (type->traits.at_job != JobEffect::kNone && (fault.part < 0 || !out.HasJob(static_cast<uint32_t>(fault.part)))) {
      out.Fault(i, "part", out.NoJob(static_cast<uint32_t>(fault.part)));
    }
  }
}

void CheckRange(Collector& out, int64_t low, int64_t high, const std::string& name) {
  if (low < 0) {
    out.Add(Part::kTiming, 0, name + "_min", "the time is negative");
  } else if (high > kLongestNs) {
    out.Add(Part::kTiming, 0, name + "_max", "it is over 30 days; give a shorter time");
  } else if (high < low) {
    out.Add(Part::kTiming, 0, name + "_max", "it is less than " + name + "_min");
  }
}

void CheckTiming(const Timing& timing, Collector& out) {
  CheckRange(out, timing.latency_min_ns, timing.latency_max_ns, "latency");
  CheckRange(out, timing.service_min_ns, timing.service_max_ns, "service");
  CheckRange(out, timing.port_min_ns, timing.port_max_ns, "port");
  const std::pair<const char*, int64_t> periods[] = {{"session_timeout", timing.session_timeout_ns},
                                                     {"heartbeat", timing.heartbeat_ns},
                                                     {"revoke_timeout", timing.revoke_timeout_ns},
                                                     {"max_poll_interval", timing.max_poll_interval_ns}};
  for (const auto& [name, value] : periods) {
    if (value < kShortestPeriodNs) {
      out.Add(Part::kTiming, 0, name,
              DurationText(value) + " is too short; give at least " + DurationText(kShortestPeriodNs) +
                  ", or leave it out for the default");
    }
    if (value > kLongestNs) out.Add(Part::kTiming, 0, name, "it is over 30 days; give a shorter time");
  }
  for (const auto& [name, value] : {std::pair("linger", timing.linger_ns), std::pair("restart", timing.restart_ns)}) {
    if (std::string wrong = WrongTime(value, "time", "leave it out for the default"); !wrong.empty())
      out.Add(Part::kTiming, 0, name, std::move(wrong));
  }
  if (timing.heartbeat_ns >= timing.session_timeout_ns) {
    out.Add(Part::kTiming, 0, "heartbeat",
            "sessions would end between two heartbeats; make it a third of session_timeout");
  }
}

uint32_t Joiners(const Plan& plan) {
  return static_cast<uint32_t>(std::count_if(plan.faults.begin(), plan.faults.end(), [](const Fault& fault) {
    const FaultType* type = FindFault(fault.kind);
    return type != nullptr && type->traits.adds_process;
  }));
}

// Joined processes take the slots behind those of the plan.
void CheckProcesses(const Plan& plan, size_t stages, Collector& out) {
  const uint32_t slots = SlotsOf(plan, stages) + Joiners(plan);
  const std::string known = "; there are 0 to " + std::to_string(slots - 1);
  for (size_t i = 0; i < plan.faults.size(); ++i) {
    const Fault& fault = plan.faults[i];
    const FaultType* type = FindFault(fault.kind);
    if (type == nullptr) continue;
    const TriggerKind kind = fault.trigger.kind;
    if (kind != TriggerKind::kAtJob && fault.trigger.process >= slots) {
      const char* field = kind == TriggerKind::kInPort   ? "in_port"
                          : kind == TriggerKind::kAtTime ? "at"
                                                         : "after_action";
      out.Fault(i, field, "there is no process " + std::to_string(fault.trigger.process) + known);
    }
    if (type->target != "process") continue;
    const bool feed = fault.target == kFeedTarget && type->traits.strikes_feed;
    if (!feed && (fault.target < -1 || fault.target >= static_cast<int64_t>(slots))) {
      out.Fault(i, "target", "there is no process " + std::to_string(fault.target) + known);
    }
  }
}

void CheckIndex(Collector& out, size_t fault, int32_t index, size_t count, const char* field, const char* what) {
  if (index >= 0 && static_cast<size_t>(index) < count) return;
  std::string known = count == 0 ? "; there are none" : "; there are 0 to " + std::to_string(count - 1);
  out.Fault(fault, field, "there is no " + std::string(what) + " " + std::to_string(index) + known);
}

void CheckTarget(const Plan& plan, const Topology& topology, size_t index, const FaultType& type, Collector& out) {
  const Fault& fault = plan.faults[index];
  const size_t target = static_cast<size_t>(std::max(fault.target, 0));
  if (type.target == "port") {
    CheckIndex(out, index, fault.target, topology.ports.size(), "target", "port");
  } else if (type.target == "topic") {
    CheckIndex(out, index, fault.target, topology.topics.size(), "target", "topic");
    if (fault.part >= 0 && target < topology.topics.size()) {
      CheckIndex(out, index, fault.part, topology.topics[target].partitions, "part", "partition");
    }
  } else if (type.target == "stage") {
    CheckIndex(out, index, fault.target, topology.stages.size(), "target", "stage");
    if (type.traits.at_job != JobEffect::kNone || target >= topology.stages.size()) return;
    const uint16_t input = topology.stages[target].input;
    if (fault.part >= 0 && input != kNoTopic) {
      CheckIndex(out, index, fault.part, topology.topics[input].partitions, "part", "partition of its input");
    }
  }
}

// A job is known by its id on the bus, which comes with the input: of two alike one would count for both.
void CheckInputsOnce(const Plan& plan, Collector& out) {
  std::map<uint32_t, uint32_t> job_of;
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const auto [first, fresh] = job_of.emplace(plan.jobs[i].input, plan.jobs[i].id);
    if (fresh) continue;
    out.Add(Part::kJob, i, "input",
            "it has input " + std::to_string(plan.jobs[i].input) + ", which job " + std::to_string(first->second) +
                " has; an input is one job: give each its own");
  }
}

}  // namespace

std::string PlanProblem::ToString(const Plan& plan) const {
  switch (part) {
    case Part::kPlan:
      return text;
    case Part::kJob:
      return "job " + std::to_string(plan.jobs[index].id) + ": " + text;
    case Part::kFault:
      return "fault " + std::to_string(plan.faults[index].id) + " (" + plan.faults[index].kind + "): " + text;
    case Part::kTiming:
      return "timing: " + field + ": " + text;
    case Part::kLimits:
      return "limits: " + field + ": " + text;
  }
  return text;
}

uint32_t SlotsOf(const Plan& plan, size_t stages) {
  const size_t each = plan.layout == Layout::kApart ? std::max<size_t>(stages, 1) : 1;
  return static_cast<uint32_t>(plan.processes * each);
}

std::vector<PlanProblem> CheckPlan(const Plan& plan) {
  Collector out(plan);
  if (plan.version != kPlanVersion) {
    out.Add(Part::kPlan, 0, "version", "this program runs plans of version " + std::to_string(kPlanVersion));
  }
  if (plan.processes == 0 || plan.processes > kProcessesMax) {
    out.Add(Part::kPlan, 0, "processes", "it must be 1 to " + std::to_string(kProcessesMax));
  }
  if (plan.prefetch == 0)
    out.Add(Part::kPlan, 0, "prefetch", "with 0 nothing would ever be delivered; give at least 1");
  CheckJobs(plan, out);
  CheckFaults(plan, out);
  CheckTiming(plan.timing, out);
  if (plan.limits.time_ns <= 0) out.Add(Part::kLimits, 0, "time", "a run needs time; leave it out for the default");
  if (plan.limits.time_ns > kLongestNs)
    out.Add(Part::kLimits, 0, "time", "it is over 30 days; leave it out for the default");
  if (plan.limits.records == 0)
    out.Add(Part::kLimits, 0, "records", "a run needs records; leave it out for the default");
  return std::move(out.problems);
}

std::vector<PlanProblem> ValidatePlan(const Plan& plan, const Topology& topology, const InputFacts& inputs,
                                      bool next_version) {
  Collector out(plan);
  out.problems = CheckPlan(plan);
  if (plan.inputs_digest != 0 && inputs.digest != 0 && plan.inputs_digest != inputs.digest) {
    out.Add(Part::kPlan, 0, "inputs_digest",
            "it was drawn for other inputs; give it those, or take inputs_digest out if it should run with any");
  }
  CheckInputsOnce(plan, out);
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    if (plan.jobs[i].input < inputs.count) continue;
    const std::string known =
        inputs.count == 0 ? "; there are none" : "; there are 0 to " + std::to_string(inputs.count - 1);
    out.Add(Part::kJob, i, "input", "there is no input " + std::to_string(plan.jobs[i].input) + known);
  }
  if (plan.semantics == Semantics::kQueue && HasTransactions(topology)) {
    out.Add(Part::kPlan, 0, "semantics",
            "the pipeline has a stage that is EXACTLY_ONCE, which queues have no transactions for; run it on a log");
  }
  CheckProcesses(plan, topology.stages.size(), out);
  FaultScene scene = {.topology = &topology,
                      .semantics = plan.semantics,
                      .processes = SlotsOf(plan, topology.stages.size()),
                      .timing = &plan.timing,
                      .new_version = next_version};
  for (const Job& job : plan.jobs) scene.job_ids.push_back(job.id);
  for (size_t i = 0; i < plan.faults.size(); ++i) {
    const FaultType* type = FindFault(plan.faults[i].kind);
    if (type == nullptr) continue;
    if (type->traits.needs_next_version && !next_version) {
      out.Fault(i, "kind",
                "there is no next version of the stages; give millrace_pipeline a next_registrar, or take it out");
      continue;
    }
    if (!type->applies(scene)) {
      out.Fault(i, "kind", "it does not apply to this pipeline on a " + std::string(NameOf(plan.semantics)));
      continue;
    }
    CheckTarget(plan, topology, i, *type, out);
    if (plan.faults[i].trigger.kind == TriggerKind::kInPort && topology.ports.empty()) {
      out.Fault(i, "in_port", "the pipeline has no ports; use at, after_action or at_job");
    }
  }
  return std::move(out.problems);
}

}  // namespace millrace::sim
