#include "sim/plan_migrations.h"

namespace millrace::sim {

// Version 1 is the first.
std::span<const PlanMigration> PlanMigrations() { return {}; }

bool Migrate(text::Plan& plan, uint32_t version, std::span<const PlanMigration> migrations) {
  for (const PlanMigration& migration : migrations) {
    if (plan.version() != migration.from || plan.version() >= version) continue;
    migration.apply(plan);
    plan.set_version(migration.from + 1);
  }
  return plan.version() == version;
}

}  // namespace millrace::sim
