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

}  // namespace

void AddTopicState(const TopicInfo& topic, std::vector<Standing>* messages, std::vector<SinkEntry>* into) {
  const std::string place = (topic.dead_letter ? "dead:" : topic.receipts ? "receipts:" : "topic:") + topic.name;
  // Keys by their rank first, so that messages are sorted by numbers.
  std::vector<std::string_view> keys;
  absl::flat_hash_map<std::string_view, uint32_t> number_of;
  for (Standing& each : *messages) {
    const auto [at, added] = number_of.try_emplace(each.key, static_cast<uint32_t>(keys.size()));
    if (added) keys.push_back(each.key);
    each.rank = at->second;
  }
  std::vector<uint32_t> order(keys.size()), rank(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  for (uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  std::vector<const Standing*> sorted;
  sorted.reserve(messages->size());
  for (Standing& each : *messages) {
    each.rank = rank[each.rank];
    sorted.push_back(&each);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Standing* a, const Standing* b) {
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->id != b->id ? a->id < b->id : a->digest < b->digest;
  });
  // Copies count once.
  sorted.erase(std::unique(sorted.begin(), sorted.end(),
                           [](const Standing* a, const Standing* b) {
                             return a->rank == b->rank && a->id == b->id && a->digest == b->digest;
                           }),
               sorted.end());
  for (size_t i = 0; i < sorted.size();) {
    const uint32_t key = sorted[i]->rank;
    size_t bytes = 0;
    for (size_t j = i; j < sorted.size() && sorted[j]->rank == key; ++j) bytes += sorted[j]->job.size() + 18;
    --bytes;  // between them
    std::string state(bytes, ' ');
    for (char* at = state.data(); i < sorted.size() && sorted[i]->rank == key; ++i) {
      if (at != state.data()) ++at;  // the space is there
      at = std::copy_n(sorted[i]->job.data(), sorted[i]->job.size(), at);
      *at++ = ':';
      at = bus::WriteHex(sorted[i]->id.low ^ Random::Mix(sorted[i]->digest), at);
    }
    into->push_back({place, std::string(keys[order[key]]), std::move(state)});
  }
}

Standing StandingOf(const Recorder& recorder, uint32_t message) {
  const MessageInfo& info = recorder.message(message);
  const std::string_view job = NameOfJob(recorder, info);
  return {.key = info.key == kNoKey ? job : recorder.key(info.key), .job = job, .id = info.id, .digest = info.digest};
}

void AddPortState(const std::string& port, stages::PortState& state, std::vector<SinkEntry>* into) {
  const std::string place = "port:" + port;
  state.ForEachState([&](std::string_view key, std::string_view line) {
    into->push_back({place, std::string(key), std::string(line)});
  });
}

}  // namespace millrace::sim
