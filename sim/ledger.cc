#include "sim/ledger.h"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>

#include "stages/lineage.h"

namespace millrace::sim {
namespace {

enum Bits : uint8_t {
  kAcceptedBit = 1,
  kWhole = 2,      // a terminal that is all of the job, and no dead letter
  kWholeDead = 4,  // … a dead letter
  kWholeGone = 8,  // … destroyed and announced
  kParts = 16,     // has terminals that are parts of it
  kOpen = 32,
};

enum class Way : uint8_t { kEnded, kDead, kGone };

// Calls `take(job, share, branch, way)` for each terminal share.
template <class Take>
void ForEachTerminal(const HistoryIndex& index, const Take& take) {
  static const std::string kNoBranch;
  const History& history = index.history();
  for (uint32_t message = 0; message < index.messages().size(); ++message) {
    const MessageFacts& facts = index.message(message);
    if (facts.job == kNoJob || facts.topic == kNoTopic || facts.first_append == kNever) continue;
    const TopicInfo& topic = history.topology.topics[facts.topic];
    const bool receipt = facts.role == MessageRole::kReceipt;
    const bool end = (facts.role == MessageRole::kDerived || facts.role == MessageRole::kInput) &&
                     topic.readers.empty() && !topic.dead_letter && !topic.receipts;
    if (receipt || end) take(facts.job, history.messages[message].share, kNoBranch, Way::kEnded);
  }
  for (const PairFacts& pair : index.pairs()) {
    const MessageFacts& facts = index.message(pair.message);
    if (facts.job == kNoJob) continue;
    const StageInfo& stage = history.topology.stages[pair.stage];
    const std::string& share = history.messages[pair.message].share;
    if (stage.sink && pair.first_effect != kNever) take(facts.job, share, stage.branch, Way::kEnded);
    if (pair.dead_at != kNever) take(facts.job, share, stage.branch, Way::kDead);
    if (index.Announced(pair)) take(facts.job, share, stage.branch, Way::kGone);
  }
}

struct Part {
  uint32_t job;
  Way way;
  std::string_view share;
};

// Parts of jobs that have no terminal that is the whole, by job.
class Parts {
 public:
  Parts(const HistoryIndex& index, const std::vector<uint8_t>& bits) : begin_(bits.size() + 1, 0) {
    if (std::none_of(bits.begin(), bits.end(), [](uint8_t b) { return (b & kParts) != 0; })) return;
    std::vector<Part> found;
    ForEachTerminal(index, [&](uint32_t job, const std::string& share, const std::string& branch, Way way) {
      if ((bits[job] & kWhole) != 0 || (bits[job] & kParts) == 0) return;
      if (!branch.empty()) joined_.push_back(share + branch);
      found.push_back({job, way, branch.empty() ? std::string_view(share) : std::string_view(joined_.back())});
      ++begin_[job + 1];
    });
    for (size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
    parts_.resize(found.size());
    std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (const Part& part : found) parts_[next[part.job]++] = part;
  }

  // Whether what ended in one of the ways up to `most` covers the job.
  bool Cover(uint32_t job, Way most) const {
    std::vector<std::string_view> shares;
    for (uint32_t i = begin_[job]; i < begin_[job + 1]; ++i) {
      if (parts_[i].way <= most) shares.push_back(parts_[i].share);
    }
    return stages::CoversWhole(std::move(shares));
  }

 private:
  std::deque<std::string> joined_;
  std::vector<uint32_t> begin_;
  std::vector<Part> parts_;
};

std::vector<uint8_t> BitsOf(const HistoryIndex& index) {
  std::vector<uint8_t> bits(index.history().jobs.size(), 0);
  for (uint32_t at : index.Of(Kind::kAccepted)) {
    const uint32_t message = index.records()[at].message;
    if (message < index.messages().size() && index.message(message).job != kNoJob)
      bits[index.message(message).job] |= kAcceptedBit;
  }
  ForEachTerminal(index, [&](uint32_t job, const std::string& share, const std::string& branch, Way way) {
    const bool whole = share.empty() && branch.empty();
    bits[job] |= !whole ? kParts : way == Way::kEnded ? kWhole : way == Way::kDead ? kWholeDead : kWholeGone;
  });
  for (const PairFacts& pair : index.pairs()) {
    const uint32_t job = index.message(pair.message).job;
    if (pair.open > 0 && job != kNoJob) bits[job] |= kOpen;
  }
  return bits;
}

}  // namespace

std::vector<Fate> FatesOf(const HistoryIndex& index) {
  const std::vector<uint8_t> bits = BitsOf(index);
  const Parts parts(index, bits);
  std::vector<Fate> fates(bits.size(), Fate::kNotAccepted);
  for (uint32_t job = 0; job < bits.size(); ++job) {
    const uint8_t b = bits[job];
    if ((b & kAcceptedBit) == 0) continue;
    const bool in_parts = (b & kParts) != 0;
    if ((b & kWhole) != 0 || (in_parts && parts.Cover(job, Way::kEnded))) {
      fates[job] = Fate::kSettled;
    } else if ((b & kWholeDead) != 0 || (in_parts && parts.Cover(job, Way::kDead))) {
      fates[job] = Fate::kDeadLettered;
    } else if ((b & kOpen) != 0) {
      fates[job] = Fate::kOnBus;
    } else if ((b & kWholeGone) != 0 || (in_parts && parts.Cover(job, Way::kGone))) {
      fates[job] = Fate::kDestroyed;
    } else {
      fates[job] = Fate::kLost;
    }
  }
  return fates;
}

Balance BalanceOf(const HistoryIndex& index) {
  const std::vector<Fate> fates = FatesOf(index);
  Balance balance;
  for (uint32_t job = 0; job < fates.size(); ++job) {
    if (fates[job] == Fate::kNotAccepted) continue;
    balance.accepted.push_back(job);
    std::vector<uint32_t>& set = fates[job] == Fate::kSettled        ? balance.settled
                                 : fates[job] == Fate::kDeadLettered ? balance.dead_lettered
                                 : fates[job] == Fate::kDestroyed    ? balance.destroyed
                                 : fates[job] == Fate::kOnBus        ? balance.on_bus
                                                                     : balance.lost;
    set.push_back(job);
  }
  std::vector<uint8_t> twice(fates.size(), 0);
  std::vector<uint16_t> effects(index.pairs().size(), 0);  // the port of the first, from 1
  for (uint32_t at : index.Of(Kind::kEffect)) {
    const Record& record = index.records()[at];
    const uint32_t pair = index.PairOf(record.stage, record.message);
    if (pair == kNone || !index.history().topology.stages[record.stage].sink || (record.flags & kRepeat) != 0) continue;
    const uint32_t job = index.message(record.message).job;
    if (job == kNoJob) continue;
    const auto port = static_cast<uint16_t>(record.topic + 1u);
    if (effects[pair] == port || index.pair(pair).dead_at != kNever) twice[job] = 1;
    if (effects[pair] == 0) effects[pair] = port;
  }
  for (uint32_t job = 0; job < twice.size(); ++job) {
    if (twice[job] != 0) balance.duplicates.push_back(job);
  }
  return balance;
}

}  // namespace millrace::sim
