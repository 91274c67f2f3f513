// The parts of a page that are files of their own, inside the binary.
//
// Threading: constant data.
#ifndef MILLRACE_SIM_REPORT_ASSETS_H_
#define MILLRACE_SIM_REPORT_ASSETS_H_

#include <string_view>

namespace millrace::sim {

std::string_view PageStyle();
std::string_view PageScript();

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_ASSETS_H_
