#include "sim/plan_file.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <utility>

#include "sim/duration_text.h"
#include "sim/fault.h"
#include "sim/plan_names.h"
#include "stages/pipeline_file.h"
#include "stages/suggest.h"

namespace millrace::sim {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::TextFormat;
using stages::Node;

constexpr size_t kFileBytesMax = 64 << 20;
constexpr size_t kProblemsMax = 20;

// Problems as lines of "file:line: what".
class Problems {
 public:
  explicit Problems(std::string_view name) : name_(name) {}
  void Add(int line, const std::string& text) {
    if (++count_ > kProblemsMax) return;
    if (!text_.empty()) text_ += "\n";
    text_ += name_ + ":" + (line > 0 ? std::to_string(line) + ":" : "") + " " + text;
  }
  bool empty() const { return count_ == 0; }
  absl::Status status() const {
    if (count_ == 0) return absl::OkStatus();
    const std::string more = "\n… and " + std::to_string(count_ - std::min(count_, kProblemsMax)) + " more";
    return absl::InvalidArgumentError(text_ + (count_ > kProblemsMax ? more : ""));
  }

 private:
  std::string name_;
  std::string text_;
  size_t count_ = 0;
};

std::string Between(const std::string& text, std::string_view before, std::string_view after) {
  const size_t start = text.find(before);
  if (start == std::string::npos) return "";
  const size_t end = text.find(after, start + before.size());
  return end == std::string::npos ? "" : text.substr(start + before.size(), end - start - before.size());
}

// Protobuf's words, in the reader's.
std::string Explain(const std::string& text) {
  const std::string field = Between(text, "has no field named \"", "\"");
  const std::string type = Between(text, "Message type \"", "\"");
  const Descriptor* owner = text::Plan::descriptor()->file()->FindMessageTypeByName(type.substr(type.rfind('.') + 1));
  if (!field.empty() && owner != nullptr) {
    std::vector<std::string> known;
    for (int i = 0; i < owner->field_count(); ++i) known.push_back(owner->field(i)->name());
    return "there is no field \"" + field + "\" in a " + owner->name() + "; " + stages::Suggest(field, known);
  }
  if (text.find("another member of oneof") != std::string::npos) {
    return "a fault has one trigger: give one of at, after_action, at_job, in_port";
  }
  if (text.find("is specified multiple times") != std::string::npos) {
    return "the field \"" + Between(text, "Non-repeated field \"", "\"") + "\" is there twice; remove one";
  }
  return "the text is not well formed (" + text + "); correct it: what comes behind it has not been read";
}

class Collector : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int, const std::string& message) override { found.emplace_back(line + 1, Explain(message)); }
  // With AllowUnknownField what is not known is only warned of, so that one reading finds them all.
  void AddWarning(int line, int, const std::string& message) override { AddError(line, 0, message); }
  std::vector<std::pair<int, std::string>> found;
};

// Turns the message into the plan. What cannot be turned is a problem at its line.
class Converter {
 public:
  Converter(Problems& problems, PlanFile& file) : problems_(problems), file_(file) {}

  void Convert(const text::Plan& in, const Node& root) {
    Plan& plan = file_.plan;
    plan.version = in.version();
    plan.seed = in.seed();
    plan.salt = in.salt();
    plan.inputs_digest = in.inputs_digest();
    plan.cooperative = in.cooperative();
    plan.static_members = in.static_members();
    if (in.has_processes()) plan.processes = in.processes();
    if (in.has_prefetch()) plan.prefetch = in.prefetch();
    Named(in.semantics(), root.LineOf("semantics"), SemanticsNamed, {"log", "queue"}, "semantics", plan.semantics);
    Named(in.layout(), root.LineOf("layout"), LayoutNamed, {"together", "apart"}, "layout", plan.layout);
    for (int i = 0; i < in.job_size(); ++i) AddJob(in.job(i), root.Child("job", i));
    for (int i = 0; i < in.fault_size(); ++i) AddFault(in.fault(i), root.Child("fault", i));
    if (in.has_timing()) SetTiming(in.timing(), root.Child("timing"));
    if (in.has_limits()) {
      const Node node = root.Child("limits");
      file_.lines.limits = node.line();
      Time(in.limits().time(), node.LineOf("time"), plan.limits.time_ns);
      if (in.limits().has_records()) plan.limits.records = in.limits().records();
    }
    file_.promise = in.expect().promise();
    file_.signature = in.expect().signature();
    file_.note = in.note();
    // In a list only the first has a line.
    for (int i = 0; i < in.fires_size(); ++i)
      AddFires(in.fires(i), std::max(root.LineOf("fires", i), root.LineOf("fires", 0)));
  }

 private:
  // Empty: stays what it is.
  void Time(const std::string& text, int line, int64_t& value) {
    if (text.empty()) return;
    const absl::StatusOr<int64_t> parsed = ParseDuration(text);
    if (parsed.ok()) {
      value = *parsed;
    } else {
      problems_.Add(line, std::string(parsed.status().message()));
    }
  }

  template <typename T>
  void Named(const std::string& name, int line, std::optional<T> (*find)(std::string_view),
             const std::vector<std::string>& known, const char* what, T& value) {
    if (name.empty()) return;
    if (const std::optional<T> found = find(name); found.has_value()) {
      value = *found;
    } else {
      problems_.Add(line, "\"" + name + "\" is no " + what + "; " + stages::Suggest(name, known));
    }
  }

  void AddJob(const text::Job& in, const Node& node) {
    Job job = {.id = in.id(), .input = in.input()};
    Time(in.at(), node.LineOf("at"), job.at_ns);
    file_.plan.jobs.push_back(job);
    file_.lines.jobs.push_back(node.line());
  }

  void AddFault(const text::Fault& in, const Node& node) {
    Fault fault = {.id = in.id(), .kind = in.kind()};
    SetTrigger(in, node, fault.trigger);
    if (in.has_target()) fault.target = in.target();
    if (in.has_part()) fault.part = in.part();
    Time(in.duration(), node.LineOf("duration"), fault.duration_ns);
    fault.amount = in.amount();
    file_.plan.faults.push_back(std::move(fault));
    file_.lines.faults.push_back(node.line());
  }

  void SetTrigger(const text::Fault& in, const Node& node, Trigger& trigger) {
    switch (in.trigger_case()) {
      case text::Fault::kAt:
        trigger.kind = TriggerKind::kAtTime;
        Time(in.at(), node.LineOf("at"), trigger.at_ns);
        return;
      case text::Fault::kAfterAction:
        trigger.kind = TriggerKind::kAfterAction;
        trigger.process = in.after_action().process();
        if (in.after_action().has_count()) trigger.count = in.after_action().count();
        return;
      case text::Fault::kAtJob:
        trigger.kind = TriggerKind::kAtJob;
        trigger.job = in.at_job().job();
        if (in.at_job().has_count()) trigger.count = in.at_job().count();
        Named(in.at_job().action(), node.Child("at_job").LineOf("action"), ActionNamed, ActionNames(), "action",
              trigger.action);
        return;
      case text::Fault::kInPort:
        trigger.kind = TriggerKind::kInPort;
        trigger.process = in.in_port().process();
        if (in.in_port().has_count()) trigger.count = in.in_port().count();
        trigger.after = in.in_port().after();
        return;
      case text::Fault::TRIGGER_NOT_SET:
        problems_.Add(node.line(), "the fault has no trigger; give one of at, after_action, at_job, in_port");
        return;
    }
  }

  void AddFires(const std::string& kind, int line) {
    const std::vector<Fault>& faults = file_.plan.faults;
    const auto there =
        std::count_if(faults.begin(), faults.end(), [&](const Fault& fault) { return fault.kind == kind; });
    if (FindFault(kind) == nullptr) {
      problems_.Add(line, "fires: there is no fault \"" + kind + "\"; " + stages::Suggest(kind, FaultNames()));
    } else if (there == 0) {
      problems_.Add(line, "fires: the plan has no fault \"" + kind + "\"; take it out");
    } else if (std::count(file_.fires.begin(), file_.fires.end(), kind) >= there) {
      problems_.Add(line, "fires: \"" + kind + "\" is there more often than the plan has such faults (" +
                              std::to_string(there) + "); take one out");
    }
    file_.fires.push_back(kind);
  }

  void SetTiming(const text::Timing& in, const Node& node) {
    Timing& timing = file_.plan.timing;
    file_.lines.timing = node.line();
    Time(in.latency_min(), node.LineOf("latency_min"), timing.latency_min_ns);
    Time(in.latency_max(), node.LineOf("latency_max"), timing.latency_max_ns);
    Time(in.service_min(), node.LineOf("service_min"), timing.service_min_ns);
    Time(in.service_max(), node.LineOf("service_max"), timing.service_max_ns);
    Time(in.port_min(), node.LineOf("port_min"), timing.port_min_ns);
    Time(in.port_max(), node.LineOf("port_max"), timing.port_max_ns);
    Time(in.session_timeout(), node.LineOf("session_timeout"), timing.session_timeout_ns);
    Time(in.heartbeat(), node.LineOf("heartbeat"), timing.heartbeat_ns);
    Time(in.revoke_timeout(), node.LineOf("revoke_timeout"), timing.revoke_timeout_ns);
    Time(in.max_poll_interval(), node.LineOf("max_poll_interval"), timing.max_poll_interval_ns);
    Time(in.linger(), node.LineOf("linger"), timing.linger_ns);
    Time(in.restart(), node.LineOf("restart"), timing.restart_ns);
  }

  Problems& problems_;
  PlanFile& file_;
};

int LineOf(const PlanLines& lines, const PlanProblem& problem) {
  const auto at = [&](const std::vector<int>& list) { return problem.index < list.size() ? list[problem.index] : 0; };
  switch (problem.part) {
    case PlanProblem::Part::kPlan:
      return 0;
    case PlanProblem::Part::kJob:
      return at(lines.jobs);
    case PlanProblem::Part::kFault:
      return at(lines.faults);
    case PlanProblem::Part::kTiming:
      return lines.timing;
    case PlanProblem::Part::kLimits:
      return lines.limits;
  }
  return 0;
}

void AddAll(const PlanFile& file, const std::vector<PlanProblem>& found, Problems& problems) {
  for (const PlanProblem& problem : found) {
    const std::string field = problem.part == PlanProblem::Part::kPlan ? problem.field + ": " : "";
    problems.Add(LineOf(file.lines, problem), field + problem.ToString(file.plan));
  }
}

}  // namespace

absl::StatusOr<PlanFile> ReadPlanFile(std::string_view name, std::string_view text, const ReadPlanOptions& options) {
  Problems problems(name);
  if (text.size() > kFileBytesMax) {
    problems.Add(0, "it is too large for a plan (over 64 MiB); is it data?");
    return problems.status();
  }
  text::Plan message;
  TextFormat::ParseInfoTree tree;
  Collector collector;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&tree);
  parser.AllowUnknownField(true);
  const bool complete = parser.ParseFromString(std::string(text), &message);
  const Node root(text::Plan::descriptor(), &tree, 1);
  // A newer file may well have fields that we do not know: say the reason and not its consequences.
  const uint32_t version = message.version();
  if (message.has_version() && version > options.version) {
    problems.Add(root.LineOf("version"), "it is of version " + std::to_string(version) + ", and this program knows " +
                                             std::to_string(options.version) + "; run it with a newer Millrace");
    return problems.status();
  }
  for (const auto& [line, what] : collector.found) problems.Add(line, what);
  if (!complete || !problems.empty()) return problems.status();
  if (!message.has_version()) {
    problems.Add(0, "it does not say its version; write version: " + std::to_string(options.version));
    return problems.status();
  }
  if (!Migrate(message, options.version, options.migrations)) {
    problems.Add(root.LineOf("version"), "plans of version " + std::to_string(version) +
                                             " are not known; write version: " + std::to_string(options.version));
    return problems.status();
  }
  PlanFile file;
  Converter(problems, file).Convert(message, root);
  // Of what could not be read there is nothing to check.
  if (problems.empty()) AddAll(file, CheckPlan(file.plan), problems);
  if (!problems.empty()) return problems.status();
  return file;
}

absl::Status ValidatePlanFile(std::string_view name, const PlanFile& file, const Topology& topology,
                              const InputFacts& inputs, bool next_version) {
  Problems problems(name);
  AddAll(file, ValidatePlan(file.plan, topology, inputs, next_version), problems);
  return problems.status();
}

}  // namespace millrace::sim
