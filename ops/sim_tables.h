// What there is to break and to promise, from the registries: `millrace sim --faults help` and `--promises help`.
//
// Threading: pure functions.
#ifndef MILLRACE_OPS_SIM_TABLES_H_
#define MILLRACE_OPS_SIM_TABLES_H_

#include <string>

namespace millrace::ops {

// For a terminal: a line a kind.
std::string FaultsHelp();
// Markdown: docs/reference/promises.md holds it word for word.
std::string PromisesHelp();

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_TABLES_H_
