// What faults share: whom they strike, when they apply, and how long they last.
//
//   void Draw(FaultDraw& draw, Fault& fault) { StrikeProcess(draw, fault); fault.duration_ns = AroundSession(draw); }
//   bool Fire(Surface& surface, const Fault& fault) { return surface.Pause(ProcessOf(fault), fault.duration_ns); }
//
// Durations are whole milliseconds, so that plans can be read. The order of draws is part of what a seed means: no two in one
// expression where C++ leaves open which comes first.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_FAULTS_DRAWING_H_
#define MILLRACE_SIM_FAULTS_DRAWING_H_

#include <cstdint>
#include <string_view>

#include "sim/fault.h"

namespace millrace::sim {

// Fault::target of what strikes links: the feed's. FaultType::target is "process" for them too, so that the world finds the
// acting process for -1.
inline constexpr int32_t kFeedTarget = -2;

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000'000'000;

// When a kind applies.
bool HasProcesses(const FaultScene& scene);
bool OnLogs(const FaultScene& scene);
bool OnQueues(const FaultScene& scene);
bool HasTopics(const FaultScene& scene);
bool HasStages(const FaultScene& scene);
bool HasPorts(const FaultScene& scene);
bool HasWork(const FaultScene& scene);    // a stage, and a job that may meet it
bool Transacts(const FaultScene& scene);  // processes with a stage that is exactly-once

// Whom a fault strikes: `target`, or, with -1, the process of its trigger. A world that fires one at a job's action
// (TriggerKind::kAtJob) fills the acting process in as the target before.
uint32_t ProcessOf(const Fault& fault);
// The same for links: kFeedTarget is Surface::kFeed.
uint32_t LinkOf(const Fault& fault);

// Draws whom and when: a process at a time, or in the middle of what it does, or, seldom, another than the one that acts.
void StrikeProcess(FaultDraw& draw, Fault& fault);
// … or, one time in six, the feed.
void StrikeLink(FaultDraw& draw, Fault& fault);
// Draws a stage and a partition of its input.
void StrikePartition(FaultDraw& draw, Fault& fault);
// Draws a stage, and a job as `part`; strikes when the job is first dispatched somewhere, or before everything.
void StrikeJob(FaultDraw& draw, Fault& fault);

// Short ones as likely as long ones: about uniform in the order of magnitude. At least a millisecond.
int64_t Duration(FaultDraw& draw, int64_t low_ns, int64_t high_ns);
// Around the session time-out: well below, about there, or up to three times as long.
int64_t AroundSession(FaultDraw& draw);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FAULTS_DRAWING_H_
