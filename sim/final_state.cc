#include "sim/final_state.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
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

// A message on a topic, as it is sorted.
struct Standing {
  uint32_t key = 0;
  bus::Digest128 id;
  uint64_t digest = 0;
  uint32_t message = kNoMessage;
  bool operator<(const Standing& other) const {
    if (key != other.key) return key < other.key;
    return id != other.id ? id < other.id : digest < other.digest;
  }
  bool operator==(const Standing& other) const { return message == other.message; }
};

}  // namespace

void AddTopicState(Recorder& recorder, uint16_t topic, std::span<const uint32_t> messages) {
  const TopicInfo& info = recorder.topology().topics[topic];
  const std::string place = (info.dead_letter ? "dead:" : info.receipts ? "receipts:" : "topic:") + info.name;
  // Names of keys first, so that messages are sorted by numbers.
  std::vector<std::string_view> keys;
  std::vector<Standing> standing;
  standing.reserve(messages.size());
  absl::flat_hash_map<std::string_view, uint32_t> number_of;
  for (const uint32_t message : messages) {
    const MessageInfo& of = recorder.message(message);
    const auto [at, added] = number_of.try_emplace(KeyOf(recorder, of), static_cast<uint32_t>(keys.size()));
    if (added) keys.push_back(at->first);
    standing.push_back({at->second, of.id, of.digest, message});
  }
  std::vector<uint32_t> order(keys.size()), rank(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  for (uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  for (Standing& each : standing) each.key = rank[each.key];
  std::sort(standing.begin(), standing.end());
  standing.erase(std::unique(standing.begin(), standing.end()), standing.end());
  for (size_t i = 0; i < standing.size();) {
    const uint32_t key = standing[i].key;
    std::string state;
    for (; i < standing.size() && standing[i].key == key; ++i) {
      char hex[16];
      bus::WriteHex(standing[i].id.low ^ Random::Mix(standing[i].digest), hex);
      if (!state.empty()) state += ' ';
      state.append(NameOfJob(recorder, recorder.message(standing[i].message))).append(":").append(hex, sizeof(hex));
    }
    recorder.AddFinalState({place, std::string(keys[order[key]]), std::move(state)});
  }
}

void AddPortState(Recorder& recorder, uint16_t port, stages::PortState& state) {
  const std::string place = "port:" + recorder.topology().ports[port];
  state.ForEachState([&](std::string_view key, std::string_view line) {
    recorder.AddFinalState({place, std::string(key), std::string(line)});
  });
}

}  // namespace millrace::sim
