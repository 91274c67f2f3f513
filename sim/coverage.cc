#include "sim/coverage.h"

#include <algorithm>

#include "sim/fault.h"
#include "sim/never_drawn.h"
#include "sim/plan_names.h"

namespace millrace::sim {
namespace {

// A body of less fits into its dead letter: the limit of a message, less ample room for what a dead letter adds.
constexpr uint64_t kSpooledFrom = 900'000;

// Cells that no plan can hit, and why: the table that people read and extend. A kind that does not apply at all is found by
// its own `applies`.
struct Impossible {
  ActionKind action;
  bool (*when)(const DrawFacts& facts);
  std::string_view why;
};
constexpr Impossible kImpossible[] = {
    {ActionKind::kPort, [](const DrawFacts& facts) { return facts.topology->ports.empty(); },
     "the pipeline has no ports"},
    {ActionKind::kSpool,
     [](const DrawFacts& facts) {
       const std::vector<StageInfo>& stages = facts.topology->stages;
       return std::all_of(stages.begin(), stages.end(), [](const StageInfo& s) { return s.dead_letter == kNoTopic; });
     },
     "no stage has a topic for dead letters, so nothing is spooled"},
    {ActionKind::kPublish,
     [](const DrawFacts& facts) {
       const std::vector<StageInfo>& stages = facts.topology->stages;
       return std::all_of(stages.begin(), stages.end(),
                          [](const StageInfo& s) { return s.outputs.empty() && s.dead_letter == kNoTopic; });
     },
     "no stage publishes"},
    {ActionKind::kFlow,
     [](const DrawFacts& facts) {
       const std::vector<StageInfo>& stages = facts.topology->stages;
       const uint64_t jobs = std::min<uint64_t>(facts.jobs_max, facts.inputs.count);
       return std::all_of(stages.begin(), stages.end(), [&](const StageInfo& s) { return s.window > jobs; });
     },
     "the windows of all stages hold more messages than a run has jobs, so that none is ever full"},
    {ActionKind::kSpool,
     [](const DrawFacts& facts) { return facts.inputs.bytes_max > 0 && facts.inputs.bytes_max < kSpooledFrom; },
     "no input is so large that its dead letter has to be cut and its body spooled"},
    {ActionKind::kCommit, [](const DrawFacts& facts) { return !HasTransactions(*facts.topology); },
     "no stage is EXACTLY_ONCE"},
    {ActionKind::kAbort, [](const DrawFacts& facts) { return !HasTransactions(*facts.topology); },
     "no stage is EXACTLY_ONCE"},
};

std::string Pad(std::string text, size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

}  // namespace

std::string WhyImpossible(std::string_view fault, ActionKind action, const DrawFacts& facts) {
  const FaultType* type = FindFault(fault);
  if (type == nullptr) return "there is no such fault";
  if (!facts.faults.empty() && std::find(facts.faults.begin(), facts.faults.end(), fault) == facts.faults.end()) {
    return "the fault is not enabled";
  }
  bool applies = false;
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    if (facts.semantics.value_or(semantics) == semantics)
      applies |= Applies(*type, *facts.topology, facts.new_version, semantics);
  }
  if (!applies) return "the fault does not apply to this pipeline";
  for (const Impossible& cell : kImpossible) {
    if (cell.action == action && cell.when(facts)) return std::string(cell.why);
  }
  return "";
}

void Coverage::Hit(const Plan& plan, size_t fault_index, ActionKind action) {
  if (fault_index >= plan.faults.size()) return;
  ++hits_[plan.faults[fault_index].kind][static_cast<size_t>(action)];
}

void Coverage::Merge(const Coverage& other) {
  for (const auto& [fault, row] : other.hits_) {
    auto& mine = hits_[fault];
    for (size_t i = 0; i < row.size(); ++i) mine[i] += row[i];
  }
}

uint64_t Coverage::hits(std::string_view fault, ActionKind action) const {
  const auto row = hits_.find(fault);
  return row == hits_.end() ? 0 : row->second[static_cast<size_t>(action)];
}

std::vector<CoverageRow> Coverage::Rows(const DrawFacts& facts) const {
  std::vector<CoverageRow> rows;
  for (const FaultType* type : AllFaults()) {
    for (int i = 0; i < kActionKinds; ++i) {
      const ActionKind action = static_cast<ActionKind>(i);
      rows.push_back({.fault = type->name,
                      .action = action,
                      .hits = hits(type->name, action),
                      .impossible = WhyImpossible(type->name, action, facts)});
    }
  }
  return rows;
}

Coverage::Share Coverage::share(const DrawFacts& facts) const {
  Share share;
  for (const CoverageRow& row : Rows(facts)) {
    if (!row.impossible.empty()) continue;
    ++share.possible;
    share.hit += row.hits > 0;
  }
  return share;
}

std::string Coverage::Table(const DrawFacts& facts) const {
  constexpr size_t kNameWidth = 20, kWidth = 10;
  std::string text(kNameWidth, ' ');
  for (const std::string& name : ActionNames()) text += Pad(name, kWidth);
  std::vector<std::string> reasons;
  std::string_view before;
  for (const CoverageRow& row : Rows(facts)) {
    if (row.fault != before) text += "\n" + std::string(row.fault) + std::string(kNameWidth - row.fault.size(), ' ');
    before = row.fault;
    text += Pad(row.impossible.empty() ? std::to_string(row.hits) : "-", kWidth);
    const bool known = std::find(reasons.begin(), reasons.end(), row.impossible) != reasons.end();
    if (!row.impossible.empty() && !known) reasons.push_back(row.impossible);
  }
  const Share all = share(facts);
  text += "\n" + std::to_string(all.hit) + " of " + std::to_string(all.possible) + " possible cells hit\n";
  for (const std::string& reason : reasons) text += "-: " + reason + "\n";
  return text;
}

}  // namespace millrace::sim
