// How plan files of older versions are read: each version has one step to the next, applied one after the other.
//
// A step works on the schema of today, which still has every field that any version had. A new version is: the number in
// sim/plan.h, the fields in sim/plan.proto, a line in plan_migrations.cc, and a file of the old version in the test.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_PLAN_MIGRATIONS_H_
#define MILLRACE_SIM_PLAN_MIGRATIONS_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/plan.pb.h"

namespace millrace::sim {

struct PlanMigration {
  uint32_t from = 0;         // to from + 1
  std::string_view summary;  // what changed
  void (*apply)(text::Plan& plan) = nullptr;
};

// Ascending, without gaps, up to kPlanVersion - 1.
std::span<const PlanMigration> PlanMigrations();

// Brings `plan` from its version to `version`. False: there is no way from there.
bool Migrate(text::Plan& plan, uint32_t version, std::span<const PlanMigration> migrations);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_PLAN_MIGRATIONS_H_
