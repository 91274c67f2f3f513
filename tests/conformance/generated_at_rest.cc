#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "bus/check.h"
#include "tests/conformance/generated.h"
#include "tests/conformance/generated_names.h"

namespace millrace::conformance {

// Of each group: who is in it, what has come to it, and what an operator is told. Of a log also where each partition
// ends, so that a record that was appended twice shows, and how many partitions each member has; on a queue the names
// on the broker decide that.
void GeneratedRun::LookAtRest() {
  for (int group = 0; group < groups_; ++group) {
    // All may be settled while a group still shares out what a dead member had.
    if (world_.Prefix()) world_.RunUntil([&] { return Even(Shares(group)); });
    std::string members = Group(group) + " has";
    std::map<int32_t, int> holders;
    for (const Actor& actor : actors_) {
      if (actor.group != group || !actor.member->alive()) continue;
      members += " " + actor.member->instance();
      for (const Holding& holding : actor.member->consumer->holdings()) ++holders[holding.partition.number];
    }
    at_rest_.push_back(members);
    std::map<std::pair<int32_t, size_t>, std::string> came;
    for (const auto& [text, handed] : ledgers_[static_cast<size_t>(group)].handed) {
      Text t;
      MR_CHECK(Parse(text, t));
      came[{t.partition, t.feeder}] += " " + std::to_string(t.number);
    }
    for (const auto& [where, numbers] : came) {
      at_rest_.push_back(Group(group) + " got of partition " + std::to_string(where.first) + " by feeder " +
                         std::to_string(where.second) + ":" + numbers);
    }
    for (const auto& [partition, count] : holders) {
      at_rest_.push_back(Group(group) + ": partition " + std::to_string(partition) + " is held by " +
                         std::to_string(count));
    }
    for (const bus::PartitionLag& lag : world_.Lags(Group(group), "t")) {
      at_rest_.push_back(
          Group(group) + ": lag of partition " + std::to_string(lag.partition) + " " + std::to_string(lag.lag) +
          (world_.Prefix() ? ", settled " + std::to_string(lag.settled) + " of " + std::to_string(lag.end) : ""));
    }
    if (!world_.Prefix()) continue;
    std::string shares = Group(group) + ": members hold";
    for (const size_t count : Shares(group)) shares += " " + std::to_string(count);
    at_rest_.push_back(shares);
  }
}

// How many partitions each member holds, ascending: who has which is the broker's business.
std::vector<size_t> GeneratedRun::Shares(int group) const {
  std::vector<size_t> counts;
  for (const Actor& actor : actors_) {
    if (actor.group == group && actor.member->alive()) counts.push_back(actor.member->consumer->held());
  }
  std::sort(counts.begin(), counts.end());
  return counts;
}

bool GeneratedRun::Even(const std::vector<size_t>& shares) const {
  return std::accumulate(shares.begin(), shares.end(), size_t{0}) == static_cast<size_t>(partitions_) &&
         shares.back() - shares.front() <= 1;
}

}  // namespace millrace::conformance
