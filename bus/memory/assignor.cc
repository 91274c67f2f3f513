#include "bus/memory/assignor.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace millrace::bus {
namespace {

constexpr size_t kNobody = static_cast<size_t>(-1);

bool Subscribed(const GroupMember& member, int32_t topic) {
  return std::find(member.topics.begin(), member.topics.end(), topic) != member.topics.end();
}

// Static members first, by instance; then the others, by id. So a static member keeps its place when it comes back
// under another id.
bool Before(const GroupMember& a, const GroupMember& b) {
  if (a.instance.empty() != b.instance.empty()) return !a.instance.empty();
  if (a.instance != b.instance) return a.instance < b.instance;
  return a.id < b.id;
}

std::vector<size_t> Ranked(const std::vector<GroupMember>& members) {
  std::vector<size_t> order(members.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return Before(members[a], members[b]); });
  return order;
}

// Who holds what, where claims contradict each other: the newest generation wins; two of the same age both lose, as
// both cannot be right.
std::map<Partition, size_t> Owners(const std::vector<GroupMember>& members) {
  struct Claim {
    size_t member = kNobody;
    int32_t generation = -1;
  };
  std::map<Partition, Claim> claims;
  for (size_t m = 0; m < members.size(); ++m) {
    for (Partition p : members[m].owned) {
      auto [at, fresh] = claims.try_emplace(p, Claim{m, members[m].generation});
      if (fresh || at->second.generation > members[m].generation || at->second.member == m) continue;
      at->second = {at->second.generation == members[m].generation ? kNobody : m, members[m].generation};
    }
  }
  std::map<Partition, size_t> owners;
  for (const auto& [partition, claim] : claims) {
    if (claim.member != kNobody) owners.emplace(partition, claim.member);
  }
  return owners;
}

class Balancer {
 public:
  Balancer(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics)
      : members_(members), order_(Ranked(members)), load_(members.size(), 0) {
    const std::map<Partition, size_t> owners = Owners(members);
    for (const TopicPartitions& topic : topics) {
      if (std::none_of(members.begin(), members.end(), [&](const auto& m) { return Subscribed(m, topic.topic); }))
        continue;
      for (int32_t n = 0; n < topic.partitions; ++n) {
        const Partition partition{topic.topic, n};
        auto at = owners.find(partition);
        const size_t owner = at != owners.end() && Subscribed(members[at->second], topic.topic) ? at->second : kNobody;
        places_.push_back({partition, owner});
        if (owner != kNobody) ++load_[owner];
      }
    }
    std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.partition < b.partition; });
  }

  PartitionLists Run() {
    for (Place& place : places_) {
      if (place.member == kNobody) Give(place, Lightest(place.partition.topic));
    }
    // Each move takes from one who has at least two more, so the sum of squares falls and this ends.
    for (bool moved = true; moved;) {
      moved = false;
      for (auto place = places_.rbegin(); place != places_.rend(); ++place) {
        const size_t to = Lightest(place->partition.topic);
        if (load_[place->member] < load_[to] + 2) continue;
        --load_[place->member];
        Give(*place, to);
        moved = true;
      }
    }
    PartitionLists lists(members_.size());
    for (const Place& place : places_) lists[place.member].push_back(place.partition);
    return lists;
  }

 private:
  struct Place {
    Partition partition;
    size_t member;
  };

  size_t Lightest(int32_t topic) const {
    size_t best = kNobody;
    for (size_t m : order_) {
      if (Subscribed(members_[m], topic) && (best == kNobody || load_[m] < load_[best])) best = m;
    }
    return best;
  }
  void Give(Place& place, size_t member) {
    place.member = member;
    ++load_[member];
  }

  const std::vector<GroupMember>& members_;
  const std::vector<size_t> order_;
  std::vector<size_t> load_;
  std::vector<Place> places_;
};

}  // namespace

PartitionLists AssignRange(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics) {
  PartitionLists lists(members.size());
  const std::vector<size_t> order = Ranked(members);
  for (const TopicPartitions& topic : topics) {
    std::vector<size_t> takers;
    for (size_t m : order) {
      if (Subscribed(members[m], topic.topic)) takers.push_back(m);
    }
    if (takers.empty()) continue;
    const int32_t each = topic.partitions / static_cast<int32_t>(takers.size());
    const int32_t extra = topic.partitions % static_cast<int32_t>(takers.size());
    int32_t next = 0;
    for (size_t i = 0; i < takers.size(); ++i) {
      const int32_t count = each + (static_cast<int32_t>(i) < extra ? 1 : 0);
      for (int32_t k = 0; k < count; ++k) lists[takers[i]].push_back({topic.topic, next++});
    }
  }
  for (std::vector<Partition>& list : lists) std::sort(list.begin(), list.end());
  return lists;
}

PartitionLists AssignSticky(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics) {
  return Balancer(members, topics).Run();
}

PartitionLists AssignCooperative(const std::vector<GroupMember>& members, const std::vector<TopicPartitions>& topics) {
  PartitionLists lists = AssignSticky(members, topics);
  // Whoever claims a partition may still be working on it, also where the claim is outdated.
  std::map<Partition, std::vector<size_t>> claims;
  for (size_t m = 0; m < members.size(); ++m) {
    for (Partition p : members[m].owned) claims[p].push_back(m);
  }
  for (size_t m = 0; m < lists.size(); ++m) {
    std::erase_if(lists[m], [&](Partition p) {
      auto at = claims.find(p);
      return at != claims.end() && std::any_of(at->second.begin(), at->second.end(), [&](size_t c) { return c != m; });
    });
  }
  return lists;
}

}  // namespace millrace::bus
