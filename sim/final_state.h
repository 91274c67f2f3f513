// What a run leaves behind, in lines that two runs can be compared by (History::final_state).
//
//   std::vector<Standing> lying;                       // the messages that lie on a topic nobody reads
//   AddTopicState(topology.topics[topic], &lying, &history.final_state);
//   AddPortState(topology.ports[port], state, &history.final_state);
//
// Of a topic's messages the set counts, key by key: copies count once; times, histories and the order of arrival do not.
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_FINAL_STATE_H_
#define MILLRACE_SIM_FINAL_STATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bus/digest.h"
#include "sim/history.h"
#include "sim/recorder.h"
#include "stages/port_world.h"

namespace millrace::sim {

// A message on a topic.
struct Standing {
  std::string_view key;  // the name of its job where it has none
  std::string_view job;  // its name
  bus::Digest128 id;
  uint64_t digest = 0;  // of its content
  uint32_t rank = 0;    // AddTopicState's own
};
Standing StandingOf(const Recorder& recorder, uint32_t message);

// `messages` lie on the topic, in any order; some perhaps twice. Only their ranks change.
void AddTopicState(const TopicInfo& topic, std::vector<Standing>* messages, std::vector<SinkEntry>* into);

void AddPortState(const std::string& port, stages::PortState& state, std::vector<SinkEntry>* into);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_FINAL_STATE_H_
