// What there is to break and to promise, from the registries: `millrace sim --faults help` and `--promises help`.
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_TABLES_H_
#define MILLRACE_OPS_SIM_TABLES_H_

#include <string>

namespace millrace::ops {

// Markdown: docs/reference/faults.md and promises.md hold them word for word.
std::string FaultsHelp();
std::string PromisesHelp();

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_TABLES_H_
