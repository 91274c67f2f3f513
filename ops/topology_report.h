// The difference between a pipeline's topology and a broker's, for people and programs.
//
// Threading: functions.
#ifndef MILLRACE_OPS_TOPOLOGY_REPORT_H_
#define MILLRACE_OPS_TOPOLOGY_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/admin.h"

namespace millrace::ops {

struct TopologyCounts {
  size_t same = 0, missing = 0, differs = 0, refused = 0;
};
TopologyCounts CountsOf(const std::vector<bus::TopologyItem>& items);

// "+ topic …", "~ …", "! …" with have and want of each field, and a line that sums it up.
std::string TopologyAsText(const std::vector<bus::TopologyItem>& items);
std::string TopologyAsJson(const std::vector<bus::TopologyItem>& items);

// One line: what, each field as `name: has A, wanted B`, and the way out.
std::string DifferenceOf(const bus::TopologyItem& item);

// For whoever is about to work: FailedPrecondition with everything that is refused; what merely differs is added to
// `warnings`.
absl::Status ReadyToWork(const std::vector<bus::TopologyItem>& items, std::vector<std::string>* warnings);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_TOPOLOGY_REPORT_H_
