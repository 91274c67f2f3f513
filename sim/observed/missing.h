// Whether somebody has worked on the run who has left no history: then what processes may do cannot be judged.
#ifndef MILLRACE_SIM_OBSERVED_MISSING_H_
#define MILLRACE_SIM_OBSERVED_MISSING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "sim/history.h"
#include "sim/recorder.h"

namespace millrace::sim {

// By stage: so many messages of its input were settled, or have come to their end there, and no history says that they were
// delivered. `records` in any order: what the broker has (kAppended), what the stores have (kEffect), what processes say.
// `ends`: where groups stand at the end (kCommitted, on logs). `left`: by stage, what its queues still hold.
//
// Who commits an offset has to answer for all from where it was given the partition to there: what it leaves out is its own
// mistake, and not for want of a history.
std::vector<uint64_t> SettledBySomebodyElse(const Recorder& recorder, std::span<const Record> records,
                                            std::span<const Record> ends, std::span<const uint64_t> left);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OBSERVED_MISSING_H_
