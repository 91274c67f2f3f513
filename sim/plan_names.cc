#include "sim/plan_names.h"

#include "sim/fault.h"

namespace millrace::sim {
namespace {

constexpr std::string_view kActions[kActionKinds] = {"dispatch", "publish", "settle", "flow",   "release",
                                                     "spool",    "leave",   "port",   "commit", "abort"};

}  // namespace

std::string_view NameOf(Semantics semantics) { return semantics == Semantics::kQueue ? "queue" : "log"; }
std::string_view NameOf(Layout layout) { return layout == Layout::kApart ? "apart" : "together"; }
std::string_view NameOf(ActionKind action) { return kActions[static_cast<size_t>(action)]; }

std::optional<Semantics> SemanticsNamed(std::string_view name) {
  for (const Semantics semantics : {Semantics::kLog, Semantics::kQueue}) {
    if (NameOf(semantics) == name) return semantics;
  }
  return std::nullopt;
}

std::optional<Layout> LayoutNamed(std::string_view name) {
  for (const Layout layout : {Layout::kTogether, Layout::kApart}) {
    if (NameOf(layout) == name) return layout;
  }
  return std::nullopt;
}

std::optional<ActionKind> ActionNamed(std::string_view name) {
  for (int i = 0; i < kActionKinds; ++i) {
    if (kActions[i] == name) return static_cast<ActionKind>(i);
  }
  return std::nullopt;
}

std::vector<std::string> ActionNames() { return {std::begin(kActions), std::end(kActions)}; }

std::vector<std::string> FaultNames() {
  std::vector<std::string> names;
  for (const FaultType* type : AllFaults()) names.emplace_back(type->name);
  return names;
}

}  // namespace millrace::sim
