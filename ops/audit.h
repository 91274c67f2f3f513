// The broker's own record of a run: every message that readers see, topic by topic, as a group of its own is given them.
//
//   bus->Apply(AuditTopology(pipeline));                  // before the run: queues keep for a group what comes once they are there
//   …
//   absl::Status s = ReadAudit(pipeline, bus, clock, [&](const AuditRecord& r) { … });
//
// What was read is settled for the group, so that it is read once. A log needs no AuditTopology.
//
// Blocking    until all is read, or a minute has brought nothing.
// Errors      those of the bus; DeadlineExceeded as above; Unavailable where the connection was cut and it cannot be told what of
//             a queue was read before.
// Threading   functions; one thread.
#ifndef MILLRACE_OPS_AUDIT_H_
#define MILLRACE_OPS_AUDIT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "stages/settings.h"

namespace millrace::ops {

struct AuditRecord {
  uint16_t topic = 0;  // index into the pipeline's
  uint16_t partition = 0;
  uint64_t sequence = 0;  // offset; on queues a count
  const bus::Message& message;
};

std::string AuditGroup(const stages::ResolvedPipeline& pipeline);
// The pipeline's topology, with that group on each topic.
bus::Topology AuditTopology(const stages::ResolvedPipeline& pipeline);
// Messages of a partition come in their order.
absl::Status ReadAudit(const stages::ResolvedPipeline& pipeline, bus::Bus* bus, const Clock& clock,
                       const std::function<void(const AuditRecord&)>& take);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_AUDIT_H_
