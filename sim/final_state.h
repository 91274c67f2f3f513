// What a run leaves behind, in lines that two runs can be compared by (History::final_state).
//
//   std::vector<uint32_t> lying;                       // the messages that lie on a topic nobody reads, as interned
//   AddTopicState(recorder, topic, lying);
//   AddPortState(recorder, port, state);
//
// Of a topic's messages the set counts, key by key: copies count once; times, histories and the order of arrival do not.
//
// Threading: pure functions, but for the recorder.
#ifndef MILLRACE_SIM_FINAL_STATE_H_
#define MILLRACE_SIM_FINAL_STATE_H_

#include <cstdint>
#include <span>

#include "sim/recorder.h"
#include "stages/port_world.h"

namespace millrace::sim {

// `messages` lie on the topic, in any order; some perhaps twice.
void AddTopicState(Recorder& recorder, uint16_t topic, std::span<const uint32_t> messages);

void AddPortState(Recorder& recorder, uint16_t port, stages::PortState& state);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FINAL_STATE_H_
