// Private to the index: what is needed while the records are read.
#ifndef MILLRACE_SIM_HISTORY_INDEX_BUILDING_H_
#define MILLRACE_SIM_HISTORY_INDEX_BUILDING_H_

#include <cstdint>
#include <vector>

#include "sim/history_index.h"

namespace millrace::sim {

struct HistoryIndex::Building {
  std::vector<uint32_t> attempt_of;   // by process and stage: its last attempt
  std::vector<uint32_t> holding;      // by process and slot: its last holding
  std::vector<uint16_t> incarnation;  // by process
  struct Output {
    uint32_t of;  // an attempt, or a pair
    uint32_t message;
  };
  std::vector<Output> outputs;
  std::vector<Output> dead;  // of pairs
  // By process and stage, of stages that are exactly-once: what was confirmed in the transaction that its process is in.
  std::vector<std::vector<uint32_t>> confirmed;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_HISTORY_INDEX_BUILDING_H_
