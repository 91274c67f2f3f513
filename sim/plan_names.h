// Names of what plans are made of, as plan files, reports and messages spell them.
//
//   NameOf(ActionKind::kSettle)        // "settle"
//   ActionNamed("settel")              // nullopt
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_PLAN_NAMES_H_
#define MILLRACE_SIM_PLAN_NAMES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan.h"

namespace millrace::sim {

std::string_view NameOf(Semantics semantics);
std::string_view NameOf(Layout layout);
std::string_view NameOf(ActionKind action);

std::optional<Semantics> SemanticsNamed(std::string_view name);
std::optional<Layout> LayoutNamed(std::string_view name);
std::optional<ActionKind> ActionNamed(std::string_view name);

// For suggestions.
std::vector<std::string> ActionNames();
std::vector<std::string> FaultNames();

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PLAN_NAMES_H_
