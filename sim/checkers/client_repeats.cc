#include "sim/checkers/client_repeats.h"

#include <algorithm>
#include <limits>

namespace millrace::sim {
namespace {

// A broker that was taken away is back, and answers, that much later; one hears of trouble before or behind what it does.
constexpr int64_t kWakeNs = 30'000'000'000;
// What the feed has out at once (stages/feeder.h).
constexpr uint64_t kFeedWindow = 4096;

uint64_t CountWithin(const std::vector<int64_t>& times, int64_t from, int64_t to) {
  const auto begin = std::lower_bound(times.begin(), times.end(), from);
  const auto end = std::upper_bound(begin, times.end(), to);
  return static_cast<uint64_t>(end - begin);
}

}  // namespace

ClientRepeats::ClientRepeats(const CheckContext& context)
    : context_(context),
      stages_(context.history.topology.stages.size()),
      clients_(context.index.processes() * stages_),
      explained_(context.history.messages.size(), 0),
      open_(stages_, 0),
      most_open_(stages_, 0),
      troubles_(stages_, 0) {
  for (const Strike& strike : context.history.strikes) struck_.push_back(strike.at_ns);
  std::sort(struck_.begin(), struck_.end());
  const HistoryIndex& index = context.index;
  for (uint32_t at : index.Of(Kind::kTrouble)) {
    const Record& record = index.records()[at];
    const size_t client = ClientOf(record);
    if (client == clients_.size() || record.value == 0) continue;
    clients_[client].troubles.push_back(record.at_ns);
    ++troubles_[record.stage];
  }
  index.ForEachOf({Kind::kPublish, Kind::kConfirm, Kind::kCrash, Kind::kStopped}, [&](uint32_t at) {
    const Record& record = index.records()[at];
    if (record.kind == Kind::kPublish) {
      Open(record);
    } else if (record.kind == Kind::kConfirm) {
      Answer(record);
    } else {
      End(record);
    }
    return true;
  });
  for (const Client& client : clients_) {
    for (const auto& [message, since] : client.open) Close(client, message, since, std::numeric_limits<int64_t>::max());
  }
}

uint64_t ClientRepeats::Of(uint32_t message) const {
  return context_.index.message(message).role == MessageRole::kInput ? struck_.size() : explained_[message];
}

uint64_t ClientRepeats::InAll(uint16_t stage) const {
  if (stage >= stages_) return struck_.size() * kFeedWindow;
  return (struck_.size() + troubles_[stage]) * most_open_[stage];
}

size_t ClientRepeats::ClientOf(const Record& record) const {
  if (record.process >= context_.index.processes() || record.stage >= stages_) return clients_.size();
  return record.process * stages_ + record.stage;
}

void ClientRepeats::Open(const Record& record) {
  const size_t client = ClientOf(record);
  if (client == clients_.size() || record.message >= explained_.size()) return;
  clients_[client].open.emplace(record.message, record.at_ns);
  most_open_[record.stage] = std::max(most_open_[record.stage], ++open_[record.stage]);
}

void ClientRepeats::Answer(const Record& record) {
  const size_t client = ClientOf(record);
  if (client == clients_.size()) return;
  Client& mine = clients_[client];
  const auto first = mine.open.find(record.message);
  if (first == mine.open.end()) return;
  Close(mine, record.message, first->second, record.at_ns);
  mine.open.erase(first);
  --open_[record.stage];
}

void ClientRepeats::End(const Record& record) {
  if (record.process >= context_.index.processes()) return;
  for (size_t stage = 0; stage < stages_; ++stage) {
    Client& mine = clients_[record.process * stages_ + stage];
    for (const auto& [message, since] : mine.open) Close(mine, message, since, record.at_ns);
    open_[stage] -= mine.open.size();
    mine.open.clear();
  }
}

void ClientRepeats::Close(const Client& client, uint32_t message, int64_t since, int64_t until) {
  const int64_t late = until > std::numeric_limits<int64_t>::max() - kWakeNs ? until : until + kWakeNs;
  explained_[message] +=
      CountWithin(struck_, since - kWakeNs, until) + CountWithin(client.troubles, since - kWakeNs, late);
}

}  // namespace millrace::sim
