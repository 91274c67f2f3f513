// Parameters of a bus that stand beside its URL: `--bus-option name=value`, and bus_option in the pipeline file.
//
// They become parameters of the URL, so that each backend checks and hides them as it does its own. A value env:NAME or
// file:PATH is looked up by the backend; no error here quotes a value.
//
// Threading: functions.
#ifndef MILLRACE_OPS_BUS_OPTIONS_H_
#define MILLRACE_OPS_BUS_OPTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::ops {

using BusOptions = std::vector<std::pair<std::string, std::string>>;

// From "name=value" each. InvalidArgument says which one is none, by its number.
absl::StatusOr<BusOptions> ParseBusOptions(const std::vector<std::string>& given);

// The URL with these as its last parameters, percent-encoded; of one name the last counts, and those of the URL itself
// go where an option of the same name is given.
std::string WithBusOptions(const std::string& url, const BusOptions& options);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_BUS_OPTIONS_H_
