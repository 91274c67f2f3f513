// Reads what sim/observed/process_log.h writes.
#ifndef MILLRACE_SIM_OBSERVED_PROCESS_READER_H_
#define MILLRACE_SIM_OBSERVED_PROCESS_READER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/digest.h"

namespace millrace::sim {

struct ProcessLine {
  char kind = 0;
  int64_t at_ns = 0;
  std::array<uint64_t, 7> numbers{};  // those behind the time; as many as the kind has
  bus::Digest128 id;                  // of kinds that speak of a message
  uint64_t content = 0;
};

struct ProcessHead {
  std::string process;
  std::string stage;
  std::vector<std::string> topics;
};

// Calls `head` once, then `line` for each whole line, as long as they return OK. NotFound where there is no such file; DataLoss
// names the first line that cannot be read, or the file that ends within its head. An empty file is that of a process which
// never began.
absl::Status ReadProcessLog(const std::string& path, const std::function<absl::Status(const ProcessHead&)>& head,
                            const std::function<absl::Status(const ProcessLine&)>& line);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OBSERVED_PROCESS_READER_H_
