// Everything that shapes a worker, resolved from the pipeline file.
#ifndef MILLRACE_STAGES_WORKER_OPTIONS_H_
#define MILLRACE_STAGES_WORKER_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bus/capabilities.h"
#include "bus/clock.h"
#include "stages/outputs.h"

namespace millrace::stages {

struct RetryOptions {
  uint32_t attempts_max = 5;
  Duration backoff_initial = std::chrono::milliseconds(100);
  Duration backoff_max = std::chrono::seconds(30);
  uint32_t multiplier = 2;
  uint32_t suspect_after_starts = 3;
  uint32_t deaths_max = 3;
  uint32_t deliveries_max = 20;  // where the backend keeps no notes, and delivery counts are all there is
};

struct WorkerOptions {
  std::string stage;
  std::vector<std::string> inputs;        // names of the subscribed topics, for people and derived ids
  std::vector<int32_t> topic_partitions;  // of the producer's topics, by index: outputs and dead letters
  OutputSpec dead_letter;
  size_t dead_letter_bytes_max = 1'000'000;  // of one message on the dead-letter topic

  bus::Settlement settlement = bus::Settlement::kPrefix;
  bool notes = true;         // Capabilities::notes
  uint32_t concurrency = 1;  // groups at work at once
  uint32_t batch = 64;       // most attempts in a group
  bool batch_stage = false;  // keys of a group are distinct
  bool strict = false;       // one unconfirmed message per key
  bool park_key = false;     // after a dead letter its key follows; needs notes
  // Outputs and settlements in transactions (worker_transaction.cc); needs Capabilities::transactions.
  bool exactly_once = false;
  Duration transaction_interval = std::chrono::milliseconds(100);  // a transaction takes in no more after that
  size_t window_messages = 1024;                                   // per partition
  size_t window_bytes = 8 << 20;
  RetryOptions retry;
  Duration attempt_timeout{0};  // 0: none
  Duration timeout_grace = std::chrono::seconds(30);
  Duration outage_backoff_initial = std::chrono::milliseconds(50);  // breaker and failed publishes
  Duration outage_backoff_max = std::chrono::seconds(5);
  uint64_t salt = 0;  // of the jitter
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WORKER_OPTIONS_H_
