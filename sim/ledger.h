// The balance of a run: what became of every accepted job, as sets of jobs.
//
//   const Balance balance = BalanceOf(index);
//   if (!balance.lost.empty()) …
//
// A job has ended when its terminal shares cover the whole of it (stages/lineage.h). Shares end in the effect of a sink,
// in a receipt, in a dead letter, and on a topic that nobody reads; and what the broker destroyed and announced is not
// waited for any more. Each accepted job is in exactly one of settled … lost:
//
//   settled        ended without needing a dead letter
//   dead_lettered  ended, part of it in dead letters
//   destroyed      of what has not ended, all was destroyed and that was announced
//   on_bus         not ended, and some group has work of it on the bus
//   lost           none of these
//
// Threading: a pure function.
#ifndef MILLRACE_SIM_LEDGER_H_
#define MILLRACE_SIM_LEDGER_H_

#include <cstdint>
#include <vector>

#include "sim/history_index.h"

namespace millrace::sim {

enum class Fate : uint8_t { kNotAccepted, kSettled, kDeadLettered, kDestroyed, kOnBus, kLost };

// Indices into History::jobs, ascending.
struct Balance {
  std::vector<uint32_t> accepted;
  std::vector<uint32_t> settled;
  std::vector<uint32_t> dead_lettered;
  std::vector<uint32_t> destroyed;
  std::vector<uint32_t> on_bus;
  std::vector<uint32_t> lost;
  // Jobs of which something ended twice: as an effect and as a dead letter, or in two effects that were no repeats.
  // Each is in one of the sets above as well.
  std::vector<uint32_t> duplicates;

  bool operator==(const Balance&) const = default;
};

Balance BalanceOf(const HistoryIndex& index);
// The same, by job.
std::vector<Fate> FatesOf(const HistoryIndex& index);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_LEDGER_H_
