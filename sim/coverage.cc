#include "sim/coverage.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/coverage_estimate.h"
#include "sim/fault.h"
#include "sim/never_drawn.h"
#include "sim/plan_names.h"

namespace millrace::sim {
namespace {

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
    {ActionKind::kCommit, [](const DrawFacts& facts) { return !HasTransactions(*facts.topology); },
     "no stage is EXACTLY_ONCE"},
    {ActionKind::kAbort, [](const DrawFacts& facts) { return !HasTransactions(*facts.topology); },
     "no stage is EXACTLY_ONCE"},
};

// Cells that no plan is expected to hit, by what jobs become. A hit at such an action, by whatever fault, refutes it.
struct Unexpected {
  ActionKind action;
  bool (*when)(const DrawFacts& facts, const Growth& growth);
  std::string_view why;
};
constexpr Unexpected kUnexpected[] = {
    {ActionKind::kFlow, WindowsAreNeverFull,
     "the windows of all stages hold more messages and bytes than what all jobs of a run were seen to become, so that "
     "none is ever full"},
    {ActionKind::kSpool, BodiesAreNeverLarge,
     "no input, and nothing that a stage was seen to emit, is so large that its dead letter has to be cut and its body "
     "spooled"},
};

std::string Pad(std::string text, size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

// By the pipeline's shape and what was asked for; empty: possible.
std::string WhyCertainlyImpossible(std::string_view fault, ActionKind action, const DrawFacts& facts) {
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

}  // namespace

std::string_view Coverage::WhyUnexpected(ActionKind action, const DrawFacts& facts) const {
  for (const Unexpected& cell : kUnexpected) {
    if (cell.action == action && !any_hits(action) && cell.when(facts, growth_)) return cell.why;
  }
  return "";
}

std::string Coverage::WhyImpossible(std::string_view fault, ActionKind action, const DrawFacts& facts) const {
  std::string why = WhyCertainlyImpossible(fault, action, facts);
  return why.empty() ? std::string(WhyUnexpected(action, facts)) : why;
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
  growth_.Merge(other.growth_);
}

bool Coverage::any_hits(ActionKind action) const {
  return std::any_of(hits_.begin(), hits_.end(),
                     [&](const auto& row) { return row.second[static_cast<size_t>(action)] > 0; });
}

uint64_t Coverage::hits(std::string_view fault, ActionKind action) const {
  const auto row = hits_.find(fault);
  return row == hits_.end() ? 0 : row->second[static_cast<size_t>(action)];
}

std::vector<CoverageRow> Coverage::Rows(const DrawFacts& facts) const {
  std::array<std::string_view, kActionKinds> unexpected;
  for (int i = 0; i < kActionKinds; ++i)
    unexpected[static_cast<size_t>(i)] = WhyUnexpected(static_cast<ActionKind>(i), facts);
  std::vector<CoverageRow> rows;
  for (const FaultType* type : AllFaults()) {
    for (int i = 0; i < kActionKinds; ++i) {
      const ActionKind action = static_cast<ActionKind>(i);
      std::string impossible = WhyCertainlyImpossible(type->name, action, facts);
      if (impossible.empty()) impossible = unexpected[static_cast<size_t>(i)];
      rows.push_back({.fault = type->name,
                      .action = action,
                      .hits = hits(type->name, action),
                      .impossible = std::move(impossible)});
    }
  }
  return rows;
}

Coverage::Share Coverage::share(const DrawFacts& facts) const {
  Share share;
  for (const CoverageRow& row : Rows(facts)) {
    if (!row.possible()) continue;
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
    text += Pad(row.possible() ? std::to_string(row.hits) : "-", kWidth);
    const bool known = std::find(reasons.begin(), reasons.end(), row.impossible) != reasons.end();
    if (!row.possible() && !known) reasons.push_back(row.impossible);
  }
  const Share all = share(facts);
  text += "\n" + std::to_string(all.hit) + " of " + std::to_string(all.possible) + " possible cells hit\n";
  for (const std::string& reason : reasons) text += "-: " + reason + "\n";
  return text;
}

}  // namespace millrace::sim
