#include "sim/checkers/findings.h"

#include <algorithm>
#include <utility>

namespace millrace::sim {

void Findings::Add(std::string_view signature, std::string text, uint32_t job, uint32_t message,
                   std::initializer_list<uint32_t> evidence) {
  Add(signature, std::move(text), job, message, std::vector<uint32_t>(evidence));
}

void Findings::Add(std::string_view signature, std::string text, uint32_t job, uint32_t message,
                   std::vector<uint32_t> evidence) {
  if (full()) return;
  std::erase(evidence, kNone);
  std::sort(evidence.begin(), evidence.end());
  evidence.erase(std::unique(evidence.begin(), evidence.end()), evidence.end());
  if (job == kNoJob && message < context_.history.messages.size()) job = context_.history.messages[message].job;
  findings_.push_back({.promise = promise_,
                       .signature = std::string(signature),
                       .text = std::move(text),
                       .job = job,
                       .message = message,
                       .evidence = std::move(evidence)});
}

CheckResult Findings::Take() {
  if (findings_.empty()) return {};
  const auto when = [](const Finding& f) { return f.evidence.empty() ? kNever : f.evidence.back(); };
  std::stable_sort(findings_.begin(), findings_.end(),
                   [&](const Finding& a, const Finding& b) { return when(a) < when(b); });
  if (findings_.size() > kReported) findings_.resize(kReported);
  return {.verdict = Verdict::kFail, .findings = std::move(findings_), .why = ""};
}

CheckResult NotCheckable(std::string_view why) {
  return {.verdict = Verdict::kNotCheckable, .findings = {}, .why = std::string(why)};
}

std::string JobName(const History& history, uint32_t job) {
  if (job >= history.jobs.size()) return "no job we know";
  const JobInfo& info = history.jobs[job];
  return "job " + std::to_string(info.id) + (info.name.empty() ? "" : " (" + info.name + ")");
}

std::string MessageName(const History& history, uint32_t message) {
  if (message >= history.messages.size()) return "no message we know";
  const MessageInfo& info = history.messages[message];
  const std::string job = JobName(history, info.job);
  if (info.role == MessageRole::kInput) return "the input of " + job;
  char hex[32];
  bus::WriteHex(info.id, hex);
  const char* what = info.role == MessageRole::kDeadLetter ? "dead letter "
                     : info.role == MessageRole::kReceipt  ? "receipt "
                                                           : "message ";
  std::string text = what + std::string(hex, 8) + " of " + job;
  if (info.topic < history.topology.topics.size()) text += " on topic " + history.topology.topics[info.topic].name;
  return text;
}

std::string StageName(const History& history, uint16_t stage) {
  return stage < history.topology.stages.size() ? "stage " + history.topology.stages[stage].name : "no stage we know";
}

std::string ProcessName(const History&, const Record& record) {
  if (record.process == kNoProcess) return "the broker";
  return "process " + std::to_string(record.process) + " (life " + std::to_string(record.incarnation) + ")";
}

std::string PlaceName(const History& history, uint16_t topic, uint32_t partition) {
  const std::string name = topic < history.topology.topics.size() ? history.topology.topics[topic].name : "?";
  return name + "/" + std::to_string(partition);
}

}  // namespace millrace::sim
