#include "sim/final_state.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "bus/digest.h"
#include "bus/random.h"

namespace millrace::sim {
namespace {

std::string_view NameOfJob(const Recorder& recorder, const MessageInfo& info) {
  return info.job == kNoJob ? std::string_view("(no job)") : recorder.job(info.job).name;
}

// Messages without a key stand under their job's name.
std::string_view KeyOf(const Recorder& recorder, const MessageInfo& info) {
  return info.key == kNoKey ? NameOfJob(recorder, info) : recorder.key(info.key);
}

}  // namespace

void AddTopicState(Recorder& recorder, uint16_t topic, std::vector<uint32_t>* messages) {
  const TopicInfo& info = recorder.topology().topics[topic];
  const std::string place = (info.dead_letter ? "dead:" : info.receipts ? "receipts:" : "topic:") + info.name;
  std::sort(messages->begin(), messages->end(), [&](uint32_t a, uint32_t b) {
    const MessageInfo& x = recorder.message(a);
    const MessageInfo& y = recorder.message(b);
    if (x.key != y.key || x.key == kNoKey) {
      if (const int order = KeyOf(recorder, x).compare(KeyOf(recorder, y)); order != 0) return order < 0;
    }
    return x.id != y.id ? x.id < y.id : x.digest < y.digest;
  });
  messages->erase(std::unique(messages->begin(), messages->end()), messages->end());
  for (size_t i = 0; i < messages->size();) {
    const std::string_view key = KeyOf(recorder, recorder.message((*messages)[i]));
    std::string state;
    for (; i < messages->size() && KeyOf(recorder, recorder.message((*messages)[i])) == key; ++i) {
      const MessageInfo& message = recorder.message((*messages)[i]);
      char hex[16];
      bus::WriteHex(message.id.low ^ Random::Mix(message.digest), hex);
      if (!state.empty()) state += ' ';
      state.append(NameOfJob(recorder, message)).append(":").append(hex, sizeof(hex));
    }
    recorder.AddFinalState({place, std::string(key), std::move(state)});
  }
}

void AddPortState(Recorder& recorder, uint16_t port, stages::PortState& state) {
  const std::string place = "port:" + recorder.topology().ports[port];
  state.ForEachState([&](std::string_view key, std::string_view line) {
    recorder.AddFinalState({place, std::string(key), std::string(line)});
  });
}

}  // namespace millrace::sim
