// What a page draws, as JSON that may stand inside a <script> element: ASCII, without "<".
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_REPORT_PAGE_DATA_H_
#define MILLRACE_SIM_REPORT_PAGE_DATA_H_

#include <span>
#include <string>

#include "sim/checker.h"
#include "sim/report/names.h"
#include "sim/report/page.h"

namespace millrace::sim {

std::string PageData(const Names& names, std::span<const Finding> findings, const PageOptions& options);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_PAGE_DATA_H_
