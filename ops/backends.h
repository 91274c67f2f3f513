// The backends that this binary has, by URL scheme: the one place that knows them all.
//
//   absl::StatusOr<OpenedBus> bus = OpenBus("mem:", clock);
//
// Threading: functions; any thread.
#ifndef MILLRACE_OPS_BACKENDS_H_
#define MILLRACE_OPS_BACKENDS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/memory/memory_bus.h"

namespace millrace::ops {

struct OpenedBus {
  std::unique_ptr<bus::Bus> bus;
  bus::MemoryBus* memory = nullptr;  // the same, where it is one: it can be saved, and dies with the process
};

// Schemes and what they are for, sorted.
struct Backend {
  std::string scheme;
  std::string summary;
};
std::vector<Backend> KnownBackends();

// Connects. Errors: InvalidArgument for an unknown scheme (naming the known ones) or parameter; Unavailable where the
// broker does not answer.
absl::StatusOr<OpenedBus> OpenBus(const std::string& url, const Clock& clock);

// What a bus at this URL can do, without connecting. Errors: InvalidArgument as above.
absl::StatusOr<bus::Capabilities> CapabilitiesOf(const std::string& url);

// The URL without secrets, for people.
std::string PrintableBus(const std::string& url);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_BACKENDS_H_
