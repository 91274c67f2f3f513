// From the lines of processes to records, and what they tell of the broker.
#ifndef MILLRACE_SIM_OBSERVED_PROCESS_RECORDS_H_
#define MILLRACE_SIM_OBSERVED_PROCESS_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "sim/history.h"
#include "sim/observed/process_reader.h"
#include "sim/recorder.h"

namespace millrace::sim {

// Where a record lies.
struct Place {
  uint16_t topic = 0, partition = 0;
  uint64_t sequence = 0;
  bool operator==(const Place&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Place& p) {
    return H::combine(std::move(h), p.topic, p.partition, p.sequence);
  }
};

using StageMessage = std::pair<uint16_t, uint32_t>;

class ProcessRecords {
 public:
  explicit ProcessRecords(Recorder* recorder) : recorder_(*recorder) {}

  absl::Status Read(const std::string& path);

  std::vector<Record> records;
  uint16_t processes = 0;
  uint64_t lines = 0;
  // When it was known first that a record was there: of its place (logs, by delivery) or of a message (by its answer; on queues by
  // delivery too). Of transactions the end is the answer.
  absl::flat_hash_map<Place, int64_t> place_seen;
  absl::flat_hash_map<uint32_t, int64_t> message_seen;
  std::map<StageMessage, uint64_t> succeeded;               // attempts
  absl::flat_hash_map<StageMessage, Record> first_success;  // of sinks: the attempt

 private:
  struct One;
  absl::Status Begin(const ProcessHead& head, One* one);
  absl::Status Add(const ProcessLine& line, One* one);
  absl::Status OnHolding(const ProcessLine& line, One* one);
  absl::Status OnDelivered(const ProcessLine& line, One* one);
  absl::Status OnAttempt(const ProcessLine& line, One* one);
  absl::Status OnMade(const ProcessLine& line, One* one);
  absl::Status OnConfirm(const ProcessLine& line, One* one);
  absl::Status OnSettle(const ProcessLine& line, One* one);
  absl::Status OnCommit(const ProcessLine& line, One* one);
  absl::Status OnTransaction(const ProcessLine& line, One* one);
  absl::Status OnLife(const ProcessLine& line, One* one);
  Record At(Kind kind, const ProcessLine& line, const One& one) const;
  bool queue() const { return recorder_.topology().queue; }
  bool ExactlyOnce(const One& one) const;

  Recorder& recorder_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OBSERVED_PROCESS_RECORDS_H_
