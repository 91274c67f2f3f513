// The ledger of a run folder: what the records in it, the stores behind the ports and the bus say together.
//
//   absl::StatusOr<Books> books = CloseBooks(pipeline, folder, ports, memory_bus);
//
// Blocking    reads all records. Memory does not grow with their number.
// Errors      DataLoss for a record that cannot be read, naming the place; those of the file system and of the stores.
// Threading   functions; nothing else may write the folder meanwhile.
#ifndef MILLRACE_OPS_BOOKS_H_
#define MILLRACE_OPS_BOOKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/memory/memory_bus.h"
#include "ops/id_set.h"
#include "ops/ledger.h"
#include "ops/run_folder.h"
#include "stages/port.h"
#include "stages/settings.h"

namespace millrace::ops {

// Dead letters with the same reason, but for values.
struct ReasonGroup {
  std::string stage;
  std::string field;
  std::string reason;
  uint64_t count = 0;
  std::string example;  // the job that one of them descends from
};

struct Books {
  Balance balance;
  uint64_t dead_letters = 0;         // lines in the file
  std::vector<ReasonGroup> reasons;  // the most frequent first
};

// `bus` may be null: then nothing is taken to lie on it.
absl::StatusOr<Books> CloseBooks(const stages::ResolvedPipeline& pipeline, const RunFolder& folder,
                                 const stages::Ports& ports, bus::MemoryBus* bus);

// The jobs that receipts and dead letters show to have ended.
absl::StatusOr<IdSet> EndedJobs(const stages::ResolvedPipeline& pipeline, const RunFolder& folder,
                                const stages::Ports& ports);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_BOOKS_H_
