// What the broker has, with a time for each record: as late as what was seen of it allows.
#ifndef MILLRACE_SIM_OBSERVED_COPIES_H_
#define MILLRACE_SIM_OBSERVED_COPIES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "bus/message.h"
#include "sim/observed/process_records.h"
#include "sim/recorder.h"

namespace millrace::sim {

class Copies {
 public:
  explicit Copies(Recorder* recorder) : recorder_(*recorder) {}

  void Add(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message);
  // No more come before something else is added: dead letters and receipts, which name what they are of, were kept back.
  void Flush();
  // The records, of a partition in order; `latest` for what nobody has seen.
  std::vector<Record> Take(const ProcessRecords& processes, int64_t latest);
  // How often a message lies there, beyond once; behind Take.
  uint64_t BeyondOne(uint32_t message) const;

 private:
  struct Later {
    uint16_t topic = 0, partition = 0;
    uint64_t sequence = 0;
    std::optional<std::string> key, body;
    std::string headers;
  };
  void Intern(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message);

  Recorder& recorder_;
  std::vector<Later> later_;
  std::vector<Record> records_;
  absl::flat_hash_map<uint32_t, uint64_t> beyond_one_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OBSERVED_COPIES_H_
