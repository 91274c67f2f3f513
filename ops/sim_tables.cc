#include "ops/sim_tables.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "ops/text.h"
#include "sim/checker.h"
#include "sim/fault.h"

namespace millrace::ops {
namespace {

const sim::Suspension* SuspensionOf(const sim::FaultType& fault, std::string_view promise) {
  const auto at = std::find_if(fault.suspends.begin(), fault.suspends.end(),
                               [&](const sim::Suspension& suspension) { return suspension.promise == promise; });
  return at == fault.suspends.end() ? nullptr : &*at;
}

// What a verdict may be while such a fault has fired.
std::string_view Expected(const sim::Suspension* suspension) {
  if (suspension == nullptr) return "pass";
  if (suspension->expect == sim::Expect::kAnnounced) return "pass, but for what was announced as destroyed";
  return suspension->queues_only ? "pass; not checkable on queues" : "not checkable";
}

void Row(std::string& out, const std::vector<std::string>& cells) {
  out += "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  out += "\n";
}

void Head(std::string& out, const std::vector<std::string>& cells) {
  Row(out, cells);
  out += "|";
  for (size_t i = 0; i < cells.size(); ++i) out += "---|";
  out += "\n";
}

}  // namespace

std::string FaultsHelp() {
  std::vector<std::vector<std::string>> rows = {{"fault", "strikes", "what happens"}};
  for (const sim::FaultType* fault : sim::AllFaults())
    rows.push_back({std::string(fault->name), std::string(fault->target), std::string(fault->summary)});
  return Table(rows, {0, 1, 2}, 0);
}

std::string PromisesHelp() {
  std::string out;
  Head(out, {"promise", "says"});
  for (const sim::Checker* checker : sim::AllCheckers())
    Row(out, {"`" + std::string(checker->name) + "`", std::string(checker->summary)});
  out += "\nThe expected verdict of each promise while a fault has fired:\n\n";
  std::vector<const sim::FaultType*> suspending;
  std::string others;
  for (const sim::FaultType* fault : sim::AllFaults()) {
    if (!fault->suspends.empty()) {
      suspending.push_back(fault);
      continue;
    }
    others += (others.empty() ? "" : ", ") + ("`" + std::string(fault->name) + "`");
  }
  std::vector<std::string> names = {"promise", "all others"};
  for (const sim::FaultType* fault : suspending) names.push_back("`" + std::string(fault->name) + "`");
  Head(out, names);
  for (const sim::Checker* checker : sim::AllCheckers()) {
    std::vector<std::string> cells = {"`" + std::string(checker->name) + "`", "pass"};
    for (const sim::FaultType* fault : suspending) cells.emplace_back(Expected(SuspensionOf(*fault, checker->name)));
    Row(out, cells);
  }
  out += "\nAll others: " + others + ".\n\nWhy a fault suspends a promise:\n\n";
  Head(out, {"fault", "promise", "because"});
  for (const sim::FaultType* fault : suspending) {
    for (const sim::Suspension& suspension : fault->suspends) {
      Row(out, {"`" + std::string(fault->name) + "`", "`" + std::string(suspension.promise) + "`",
                std::string(suspension.why)});
    }
  }
  return out;
}

}  // namespace millrace::ops
