#include "ops/sim_tables.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/text.h"
#include "sim/checker.h"
#include "sim/expected.h"
#include "sim/fault.h"

namespace millrace::ops {
namespace {

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

// Whether some promise has another verdict under it than under most.
bool IsSpecial(const sim::FaultType& fault) {
  const auto all = sim::AllCheckers();
  return std::any_of(all.begin(), all.end(), [&](const sim::Checker* checker) {
    return sim::ExpectedOf(*checker, &fault) != sim::ExpectedOf(*checker, nullptr);
  });
}

// Verdict and reason, and the faults for which they are so, in the order of the first of them.
std::vector<std::pair<std::pair<std::string, std::string>, std::string>> ReasonsOf(const sim::Checker& checker) {
  std::vector<std::pair<std::pair<std::string, std::string>, std::string>> reasons;
  const auto add = [&](const sim::Expected& expected, const std::string& fault) {
    if (expected.why.empty()) return;
    const std::pair<std::string, std::string> why{expected.ToString(), expected.why};
    const auto at = std::find_if(reasons.begin(), reasons.end(), [&](const auto& r) { return r.first == why; });
    if (at == reasons.end()) {
      reasons.emplace_back(why, fault);
    } else {
      at->second += ", " + fault;
    }
  };
  const sim::Expected any = sim::ExpectedOf(checker, nullptr);
  add(any, any.why.empty() ? "" : "all others");
  for (const sim::FaultType* fault : sim::AllFaults()) {
    const sim::Expected expected = sim::ExpectedOf(checker, fault);
    if (expected != any) add(expected, "`" + std::string(fault->name) + "`");
  }
  return reasons;
}

}  // namespace

std::string FaultsHelp() {
  std::string out;
  Head(out, {"fault", "what happens", "`target`", "`part`", "`duration`", "`amount`"});
  const auto cell = [](std::string_view text) { return text.empty() ? std::string("–") : std::string(text); };
  for (const sim::FaultType* fault : sim::AllFaults()) {
    Row(out, {"`" + std::string(fault->name) + "`", std::string(fault->summary),
              fault->target == "none" ? "–" : cell(fault->target), cell(fault->part), cell(fault->duration),
              cell(fault->amount)});
  }
  return out;
}

std::string PromisesHelp() {
  std::string out;
  Head(out, {"promise", "says"});
  for (const sim::Checker* checker : sim::AllCheckers())
    Row(out, {"`" + std::string(checker->name) + "`", std::string(checker->summary)});
  for (const sim::Checker* checker : sim::AllCheckers()) {
    if (!checker->needs.empty())
      out += "\nWithout " + std::string(checker->needs) + " `" + std::string(checker->name) + "` is not checkable.\n";
  }
  out +=
      "\nThe verdict of each promise while faults of one kind have struck. *pass*: all is looked at, and it holds. "
      "*excused*: it holds, but for what is not\nheld against the run. *not checkable*: nothing is said.\n\n";
  std::vector<const sim::FaultType*> special;
  std::string others;
  for (const sim::FaultType* fault : sim::AllFaults()) {
    if (IsSpecial(*fault)) {
      special.push_back(fault);
    } else {
      others += (others.empty() ? "" : ", ") + ("`" + std::string(fault->name) + "`");
    }
  }
  std::vector<std::string> names = {"promise", "all others"};
  for (const sim::FaultType* fault : special) names.push_back("`" + std::string(fault->name) + "`");
  Head(out, names);
  for (const sim::Checker* checker : sim::AllCheckers()) {
    std::vector<std::string> cells = {"`" + std::string(checker->name) + "`",
                                      sim::ExpectedOf(*checker, nullptr).ToString()};
    for (const sim::FaultType* fault : special) cells.push_back(sim::ExpectedOf(*checker, fault).ToString());
    Row(out, cells);
  }
  out += "\nAll others: " + others + ".\n\nWhat is not said, and why:\n\n";
  Head(out, {"promise", "fault", "verdict", "because of"});
  for (const sim::Checker* checker : sim::AllCheckers()) {
    for (const auto& [why, faults] : ReasonsOf(*checker)) {
      Row(out, {"`" + std::string(checker->name) + "`", faults, why.first, why.second});
    }
  }
  return out;
}

}  // namespace millrace::ops
