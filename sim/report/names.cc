#include "sim/report/names.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "absl/status/status.h"

namespace millrace::sim {
namespace {

constexpr size_t kNameColumns = 40;

// Bytes of the well-formed UTF-8 character at the start (Unicode 15, table 3-7); 0 where there is none.
size_t CharacterBytes(std::string_view s) {
  const auto byte = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned a = byte(0), b = byte(1);
  if (a < 0x80) return s.empty() ? 0 : 1;
  if (a >= 0xc2 && a <= 0xdf) return tail(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const bool in_range = a == 0xe0 ? b >= 0xa0 : a == 0xed ? b <= 0x9f : true;
    return tail(1) && in_range && tail(2) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const bool in_range = a == 0xf0 ? b >= 0x90 : a == 0xf4 ? b <= 0x8f : true;
    return tail(1) && in_range && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::string Unknown(std::string_view what, uint64_t index) {
  return std::string(what) + " " + std::to_string(index) + "?";
}

// What a process is about to do, with `object` where there is one.
std::string ActionWords(ActionKind action, std::string_view object) {
  const std::string it(object);
  switch (action) {
    case ActionKind::kDispatch:
      return "run a stage on " + it;
    case ActionKind::kPublish:
      return "publish an output of " + it;
    case ActionKind::kSettle:
      return "settle " + it;
    case ActionKind::kFlow:
      return "stop or go on taking messages, with " + it;
    case ActionKind::kRelease:
      return "give a partition back, with " + it;
    case ActionKind::kSpool:
      return "spool " + it;
    case ActionKind::kLeave:
      return "leave, with " + it;
    case ActionKind::kPort:
      return "call a port for " + it;
    case ActionKind::kCommit:
      return "commit the transaction that settles " + it;
    case ActionKind::kAbort:
      return "abort a transaction, with " + it;
  }
  return "do something with " + it;
}

}  // namespace

std::string Printable(std::string_view text, size_t columns) {
  std::string out;
  size_t used = 0;
  while (!text.empty()) {
    if (used + 1 >= columns && text.size() > CharacterBytes(text)) return out + "…";
    const size_t bytes = CharacterBytes(text);
    // C1 controls (U+0080 to U+009F) steer terminals as C0 do.
    const bool control = (bytes == 1 && (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f)) ||
                         (bytes == 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0);
    if (bytes == 0) {
      out += "\xef\xbf\xbd";
    } else if (control) {
      out += ' ';
    } else {
      out += text.substr(0, bytes);
    }
    ++used;
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

size_t Characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string Ordinal(uint64_t number) {
  constexpr std::array<std::string_view, 4> kEndings = {"th", "st", "nd", "rd"};
  const bool teen = number % 100 >= 11 && number % 100 <= 13;
  const uint64_t last = number % 10;
  return std::to_string(number) + std::string(kEndings[teen || last > 3 ? 0 : last]);
}

std::string Milliseconds(int64_t ns) {
  const bool negative = ns < 0;
  const uint64_t microseconds = (negative ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns)) / 1000;
  std::string whole = std::to_string(microseconds / 1000);
  for (size_t at = whole.size(); at > 3; at -= 3) whole.insert(at - 3, ",");
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03u", static_cast<unsigned>(microseconds % 1000));
  return (negative ? "-" : "") + whole + fraction;
}

std::string Duration(int64_t ns) {
  // Integers only: three digits, rounded down.
  const auto three = [](int64_t value, int64_t unit, std::string_view name) {
    const int64_t hundredths = value / (unit / 100);
    const int64_t whole = hundredths / 100;
    const int64_t decimals = whole >= 100 ? 0 : whole >= 10 ? hundredths % 100 / 10 * 10 : hundredths % 100;
    char text[48];
    std::snprintf(text, sizeof text, "%lld.%02lld", static_cast<long long>(whole), static_cast<long long>(decimals));
    std::string out = text;
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
    return out + " " + std::string(name);
  };
  if (ns < 0) return "-" + Duration(ns == INT64_MIN ? INT64_MAX : -ns);
  if (ns < 1'000) return std::to_string(ns) + " ns";
  if (ns < 1'000'000) return three(ns, 1'000, "µs");
  if (ns < 1'000'000'000) return three(ns, 1'000'000, "ms");
  return three(ns, 1'000'000'000, "s");
}

std::string StatusName(uint64_t code) {
  const std::string name = code <= 16 ? absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) : std::string();
  return name.empty() ? Unknown("status", code) : name;
}

Names::Names(const Plan& plan, const History& history) : plan_(plan), history_(history) {
  // With kApart a process has one stage, and the history tells which.
  std::vector<uint16_t> stages;
  slots_.resize(history.topology.processes);
  stages.resize(slots_.size(), kNoStage);
  for (const Record& record : history.records) {
    if (record.process == kNoProcess) continue;
    if (record.process >= slots_.size()) {
      slots_.resize(record.process + size_t{1});
      stages.resize(slots_.size(), kNoStage);
    }
    std::vector<uint16_t>& lives = slots_[record.process].incarnations;
    const auto at = std::lower_bound(lives.begin(), lives.end(), record.incarnation);
    if (at == lives.end() || *at != record.incarnation) lives.insert(at, record.incarnation);
    if (stages[record.process] == kNoStage) stages[record.process] = record.stage;
  }
  std::vector<uint32_t> of_stage(history.topology.stages.size() + 1, 0);
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (plan.layout == Layout::kApart && stages[i] < history.topology.stages.size()) {
      slots_[i].name = Stage(stages[i]) + "-" + std::to_string(++of_stage[stages[i]]);
    } else {
      slots_[i].name = "process-" + std::to_string(i + 1);
    }
  }
}

std::string Names::Slot(uint16_t process) const {
  return process < slots_.size() ? slots_[process].name : Unknown("process", process);
}

uint32_t Names::Lives(uint16_t process) const {
  return process < slots_.size() ? static_cast<uint32_t>(slots_[process].incarnations.size()) : 0;
}

uint32_t Names::Life(uint16_t process, uint16_t incarnation) const {
  if (process >= slots_.size()) return 0;
  const std::vector<uint16_t>& lives = slots_[process].incarnations;
  return static_cast<uint32_t>(std::lower_bound(lives.begin(), lives.end(), incarnation) - lives.begin()) + 1;
}

std::string Names::Process(uint16_t process, uint16_t incarnation) const {
  if (Lives(process) < 2) return Slot(process);
  return Slot(process) + " (" + Ordinal(Life(process, incarnation)) + " life)";
}

std::string Names::Who(const Record& record) const {
  if (record.kind <= Kind::kAccepted) return "feed";
  if (record.kind >= Kind::kFault) return record.kind <= Kind::kHealed ? Fault(record.value) : "run";
  if (record.kind >= Kind::kAppended || record.process == kNoProcess) return "broker";
  return Process(record.process, record.incarnation);
}

std::string Names::Stage(uint16_t stage) const {
  const auto& stages = history_.topology.stages;
  return stage < stages.size() ? Printable(stages[stage].name, kNameColumns) : Unknown("stage", stage);
}

std::string Names::Topic(uint16_t topic) const {
  const auto& topics = history_.topology.topics;
  return topic < topics.size() ? Printable(topics[topic].name, kNameColumns) : Unknown("topic", topic);
}

std::string Names::Port(uint16_t port) const {
  const auto& ports = history_.topology.ports;
  return port < ports.size() ? Printable(ports[port], kNameColumns) : Unknown("port", port);
}

std::string Names::Partition(uint16_t topic, uint16_t partition) const {
  return Topic(topic) + "/" + std::to_string(partition);
}

std::string Names::Place(const Record& record) const {
  const std::string partition = Partition(record.topic, record.partition);
  const std::string number = std::to_string(record.sequence);
  if (!history_.topology.queue) return partition + " at offset " + number;
  return partition + (record.kind >= Kind::kAppended ? ", append " : ", delivery ") + number;
}

std::string Names::Job(uint32_t job) const {
  return job < history_.jobs.size() ? "job " + std::to_string(history_.jobs[job].id) : "no known job";
}

std::string Names::Message(uint32_t message) const {
  if (message >= history_.messages.size()) return message == kNoMessage ? "a message" : Unknown("message", message);
  const MessageInfo& info = history_.messages[message];
  std::string name;
  switch (info.role) {
    case MessageRole::kInput:
      name = Job(info.job);
      break;
    case MessageRole::kDerived:
      name = Job(info.job) + " in " + Topic(info.topic);
      if (!info.share.empty()) name += " (part " + Printable(info.share, 24) + ")";
      break;
    case MessageRole::kDeadLetter:
      name = "the dead letter of " + Job(info.job);
      break;
    case MessageRole::kReceipt:
      name = "the receipt of " + Job(info.job);
      break;
    case MessageRole::kForeign:
      name = "a message of nobody's in " + Topic(info.topic);
      break;
  }
  return info.same_id_as == kNoMessage ? name : name + " (known id, other content)";
}

std::string Names::Text(uint32_t text) const {
  return text < history_.texts.size() ? Printable(history_.texts[text]) : Unknown("text", text);
}

std::string Names::Fault(uint64_t fault) const {
  if (fault >= plan_.faults.size()) return Unknown("fault", fault);
  return "fault " + std::to_string(plan_.faults[fault].id);
}

std::string Names::FaultKind(uint64_t fault) const {
  return fault < plan_.faults.size() ? Printable(plan_.faults[fault].kind, kNameColumns) : "something";
}

std::string Names::FaultTrigger(uint64_t fault) const {
  if (fault >= plan_.faults.size()) return "";
  const Trigger& trigger = plan_.faults[fault].trigger;
  const std::string slot = Slot(static_cast<uint16_t>(std::min<uint32_t>(trigger.process, kNoProcess)));
  switch (trigger.kind) {
    case TriggerKind::kAtTime:
      return "at " + Milliseconds(trigger.at_ns) + " ms";
    case TriggerKind::kAfterAction:
      return "after the " + Ordinal(trigger.count) + " action of " + slot;
    case TriggerKind::kAtJob:
      return std::string("when a process ") + (trigger.after ? "has begun to " : "is about to ") +
             ActionWords(trigger.action, "job " + std::to_string(trigger.job)) +
             (trigger.count > 1 ? " for the " + Ordinal(trigger.count) + " time" : "");
    case TriggerKind::kInPort:
      return "inside the " + Ordinal(trigger.count) + " port call of " + slot +
             (trigger.after ? ", after the effect was made and before anybody was told" : ", before anything was done");
  }
  return "";
}

}  // namespace millrace::sim
