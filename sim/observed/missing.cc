#include "sim/observed/missing.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace millrace::sim {
namespace {

using StageMessage = std::pair<uint16_t, uint32_t>;
using Slot = std::pair<uint16_t, uint16_t>;                       // stage, partition
using Place = std::tuple<uint16_t, uint16_t, uint64_t>;           // stage, partition, sequence
using Held = std::tuple<uint16_t, uint16_t, uint16_t, uint64_t>;  // process, stage, partition, epoch

class Accounts {
 public:
  Accounts(const Recorder& recorder, std::span<const uint64_t> left)
      : recorder_(recorder), topology_(recorder.topology()), left_(left) {}

  void Take(const Record& record) {
    switch (record.kind) {
      case Kind::kDelivered:
        delivered_.insert({record.stage, record.message});
        if (!topology_.queue) places_.insert({record.stage, record.partition, record.sequence});
        return;
      case Kind::kAssigned:
        begins_[{record.process, record.stage, record.partition, record.epoch}] = record.value;
        return;
      case Kind::kCommit:
        return OnCommit(record);
      case Kind::kEffect:
        ended_.insert({record.stage, record.message});
        return;
      case Kind::kAppended:
        return OnAppended(record);
      default:
        return;
    }
  }

  void TakeEnd(const Record& record) {
    if (record.kind == Kind::kCommitted) committed_[{record.stage, record.partition}] = record.sequence;
  }

  std::vector<uint64_t> Missing() {
    std::set<StageMessage> settled;
    std::vector<uint64_t> missing(topology_.stages.size(), 0);
    for (const StageMessage& pair : ended_) {
      if (!delivered_.contains(pair) && recorder_.JobOf(pair.second) != kNoJob) settled.insert(pair);
    }
    for (const Record& copy : copies_) {
      for (const uint16_t stage : topology_.topics[copy.topic].readers) {
        if (!topology_.queue && Settled(stage, copy) && !Accounted(stage, copy)) settled.insert({stage, copy.message});
      }
    }
    for (const StageMessage& pair : settled) ++missing[pair.first];
    if (topology_.queue) TakeQueues(&missing);
    return missing;
  }

 private:
  // Dead letters and receipts name what has come to its end.
  void OnAppended(const Record& record) {
    copies_.push_back(record);
    const MessageInfo& info = recorder_.message(record.message);
    const bool end = info.role == MessageRole::kDeadLetter || info.role == MessageRole::kReceipt;
    if (end && info.of != kNoMessage && info.stage < topology_.stages.size()) ended_.insert({info.stage, info.of});
  }

  void OnCommit(const Record& record) {
    const auto begin = begins_.find({record.process, record.stage, record.partition, record.epoch});
    if (begin == begins_.end()) return;
    uint64_t& end = answered_[{record.stage, record.partition}][begin->second];
    end = std::max(end, record.sequence);
  }

  bool Settled(uint16_t stage, const Record& copy) const {
    const auto committed = committed_.find({stage, copy.partition});
    return committed != committed_.end() && copy.sequence < committed->second;
  }

  bool Accounted(uint16_t stage, const Record& copy) const {
    if (places_.contains({stage, copy.partition, copy.sequence})) return true;
    const auto slot = answered_.find({stage, copy.partition});
    if (slot == answered_.end()) return false;
    return std::any_of(slot->second.begin(), slot->second.end(),
                       [&](const auto& range) { return range.first <= copy.sequence && copy.sequence < range.second; });
  }

  // Which of the messages are still there nobody says, only how many. A copy more is no proof: where a server dies amid a publish,
  // the queue of one group may have it and that of another not.
  void TakeQueues(std::vector<uint64_t>* missing) const {
    std::set<StageMessage> lacking;
    for (const Record& copy : copies_) {
      for (const uint16_t stage : topology_.topics[copy.topic].readers) {
        if (delivered_.contains({stage, copy.message})) continue;
        lacking.insert({stage, copy.message});
      }
    }
    std::vector<uint64_t> counts(missing->size(), 0);
    for (const StageMessage& pair : lacking) ++counts[pair.first];
    for (size_t stage = 0; stage < counts.size(); ++stage) {
      const uint64_t left = stage < left_.size() ? left_[stage] : 0;
      if (counts[stage] > left) (*missing)[stage] = std::max((*missing)[stage], counts[stage] - left);
    }
  }

  const Recorder& recorder_;
  const Topology& topology_;
  const std::span<const uint64_t> left_;
  std::vector<Record> copies_;
  absl::flat_hash_set<StageMessage> delivered_;
  absl::flat_hash_set<Place> places_;
  std::set<StageMessage> ended_;
  std::map<Held, uint64_t> begins_;                        // where a holding starts
  std::map<Slot, std::map<uint64_t, uint64_t>> answered_;  // from there to what was asked to be committed
  std::map<Slot, uint64_t> committed_;
};

}  // namespace

std::vector<uint64_t> SettledBySomebodyElse(const Recorder& recorder, std::span<const Record> records,
                                            std::span<const Record> ends, std::span<const uint64_t> left) {
  Accounts accounts(recorder, left);
  for (const Record& record : records) accounts.Take(record);
  for (const Record& record : ends) accounts.TakeEnd(record);
  return accounts.Missing();
}

}  // namespace millrace::sim
