#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "sim/duration_text.h"
#include "sim/plan_file.h"
#include "sim/plan_names.h"

namespace millrace::sim {
namespace {

std::string Quoted(std::string_view text) {
  return "\"" + absl::Utf8SafeCEscape(absl::string_view(text.data(), text.size())) + "\"";
}

std::string ShortHex(uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + text;
}

std::string ListOf(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "[" : ", ") + Quoted(word);
  return text + "]";
}

// The fields of one message, what has its default left out.
class Fields {
 public:
  explicit Fields(std::string_view between) : between_(between) {}
  void Raw(std::string_view name, const std::string& value) {
    if (!text_.empty()) text_ += between_;
    text_ += std::string(name) + ": " + value;
  }
  void Nested(std::string_view name, const Fields& fields) {
    if (!text_.empty()) text_ += between_;
    text_ += std::string(name) + " { " + fields.text_ + (fields.text_.empty() ? "}" : " }");
  }
  template <typename T>
  void Number(std::string_view name, T value, T standard) {
    if (value != standard) Raw(name, std::to_string(value));
  }
  void Time(std::string_view name, int64_t value, int64_t standard) {
    if (value != standard) Raw(name, Quoted(DurationText(value)));
  }
  void Text(std::string_view name, std::string_view value) {
    if (!value.empty()) Raw(name, Quoted(value));
  }
  void True(std::string_view name, bool value) {
    if (value) Raw(name, "true");
  }
  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string_view between_;
  std::string text_;
};

Fields OfJob(const Job& job) {
  Fields out(" ");
  out.Number("id", job.id, 0u);
  out.Number("input", job.input, 0u);
  out.Time("at", job.at_ns, 0);
  return out;
}

void AddTrigger(const Trigger& trigger, Fields& out) {
  Fields inner(" ");
  switch (trigger.kind) {
    case TriggerKind::kAtTime:
      out.Raw("at", Quoted(DurationText(trigger.at_ns)));
      return;
    case TriggerKind::kAfterAction:
      inner.Number("process", trigger.process, 0u);
      inner.Number("count", trigger.count, 1u);
      out.Nested("after_action", inner);
      return;
    case TriggerKind::kAtJob:
      inner.Number("job", trigger.job, 0u);
      inner.Text("action", NameOf(trigger.action));
      inner.Number("count", trigger.count, 1u);
      out.Nested("at_job", inner);
      return;
    case TriggerKind::kInPort:
      inner.Number("process", trigger.process, 0u);
      inner.Number("count", trigger.count, 1u);
      inner.True("after", trigger.after);
      out.Nested("in_port", inner);
      return;
  }
}

Fields OfFault(const Fault& fault) {
  const Fault standard;
  Fields out(" ");
  out.Number("id", fault.id, standard.id);
  out.Text("kind", fault.kind);
  AddTrigger(fault.trigger, out);
  out.Number("target", fault.target, standard.target);
  out.Number("part", fault.part, standard.part);
  out.Time("duration", fault.duration_ns, standard.duration_ns);
  out.Number("amount", fault.amount, standard.amount);
  return out;
}

Fields OfTiming(const Timing& timing) {
  const Timing standard;
  Fields out(" ");
  out.Time("latency_min", timing.latency_min_ns, standard.latency_min_ns);
  out.Time("latency_max", timing.latency_max_ns, standard.latency_max_ns);
  out.Time("service_min", timing.service_min_ns, standard.service_min_ns);
  out.Time("service_max", timing.service_max_ns, standard.service_max_ns);
  out.Time("port_min", timing.port_min_ns, standard.port_min_ns);
  out.Time("port_max", timing.port_max_ns, standard.port_max_ns);
  out.Time("session_timeout", timing.session_timeout_ns, standard.session_timeout_ns);
  out.Time("heartbeat", timing.heartbeat_ns, standard.heartbeat_ns);
  out.Time("revoke_timeout", timing.revoke_timeout_ns, standard.revoke_timeout_ns);
  out.Time("max_poll_interval", timing.max_poll_interval_ns, standard.max_poll_interval_ns);
  out.Time("linger", timing.linger_ns, standard.linger_ns);
  out.Time("restart", timing.restart_ns, standard.restart_ns);
  return out;
}

Fields OfPlan(const PlanFile& file) {
  const Plan& plan = file.plan;
  const Plan standard;
  Fields out("\n");
  out.Raw("version", std::to_string(plan.version));
  out.Text("note", file.note);
  if (!file.promise.empty() || !file.signature.empty()) {
    Fields expect(" ");
    expect.Text("promise", file.promise);
    expect.Text("signature", file.signature);
    out.Nested("expect", expect);
  }
  if (!file.fires.empty()) out.Raw("fires", ListOf(file.fires));
  out.Number("seed", plan.seed, standard.seed);
  if (plan.salt != 0) out.Raw("salt", ShortHex(plan.salt));
  if (plan.inputs_digest != 0) out.Raw("inputs_digest", ShortHex(plan.inputs_digest));
  if (plan.semantics != standard.semantics) out.Text("semantics", NameOf(plan.semantics));
  if (plan.layout != standard.layout) out.Text("layout", NameOf(plan.layout));
  out.True("cooperative", plan.cooperative);
  out.True("static_members", plan.static_members);
  out.Number("processes", plan.processes, standard.processes);
  out.Number("prefetch", plan.prefetch, standard.prefetch);
  if (const Fields timing = OfTiming(plan.timing); !timing.empty()) out.Nested("timing", timing);
  Fields limits(" ");
  limits.Time("time", plan.limits.time_ns, standard.limits.time_ns);
  limits.Number("records", plan.limits.records, standard.limits.records);
  if (!limits.empty()) out.Nested("limits", limits);
  for (const Fault& fault : plan.faults) out.Nested("fault", OfFault(fault));
  for (const Job& job : plan.jobs) out.Nested("job", OfJob(job));
  return out;
}

}  // namespace

std::string WritePlanFile(const PlanFile& file, const WritePlanOptions& options) {
  std::string head = "# A plan of Millrace's simulator. Run it again with\n#   " + std::string(options.replay) + "\n";
  if (file.plan.seed == 0) head += "# It was written by hand, or shrunk.\n";
  return head + OfPlan(file).text() + "\n";
}

absl::StatusOr<std::string> WithFires(std::string_view name, std::string_view text,
                                      const std::vector<std::string>& fires) {
  const absl::StatusOr<PlanFile> before = ReadPlanFile(name, text);
  if (!before.ok()) return before.status();
  const std::string line = fires.empty() ? "" : "fires: " + ListOf(fires) + "\n";
  std::string changed;
  bool placed = false;
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find('\n', from), text.size() - 1) + 1;
    const std::string_view old = text.substr(from, end - from);
    from = end;
    const bool ours = old.starts_with("fires:");
    if (!ours) changed += old;
    if (!old.ends_with('\n')) changed += "\n";
    const bool behind = old.starts_with("expect ") && old.find('}') != std::string_view::npos;
    if (placed || !(ours || behind)) continue;
    changed += line;
    placed = true;
  }
  if (!placed) changed += line;
  const absl::StatusOr<PlanFile> after = ReadPlanFile(name, changed);
  if (!after.ok() || after->fires != fires || after->plan != before->plan || after->signature != before->signature) {
    return absl::InvalidArgumentError(std::string(name) + ": its fires stand where they cannot be replaced; write " +
                                      (line.empty() ? "none" : line.substr(0, line.size() - 1)) + " by hand");
  }
  return changed;
}

}  // namespace millrace::sim
