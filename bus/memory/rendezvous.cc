#include "bus/memory/rendezvous.h"

#include <algorithm>
#include <numeric>

#include "bus/digest.h"
#include "bus/random.h"

namespace millrace::bus {
namespace {

struct Pair {
  uint64_t weight;
  uint32_t member;
  uint32_t slot;
};

class Matching {
 public:
  Matching(std::span<const RendezvousMember> members, std::span<const uint64_t> slots)
      : members_(members), slots_(slots), owner_(slots.size(), -1), load_(members.size(), 0) {}

  std::vector<int32_t> Run() {
    if (members_.empty() || slots_.empty()) return owner_;
    Weigh();
    Greedy(Bound());
    // Bars can leave a slot without an owner under the even bound, or at all: give evenness up first, then move others
    // out of the way.
    for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (owner_[slot] >= 0) continue;
      if (!AnyRoom()) break;
      if (by_slot_.empty()) IndexBySlot();
      std::vector<bool> asked(members_.size(), false);
      Place(slot, asked);
    }
    return owner_;
  }

 private:
  int64_t Capacity(size_t member) const {
    const int32_t capacity = members_[member].capacity;
    return capacity > 0 ? capacity : static_cast<int64_t>(slots_.size());
  }
  bool Barred(uint32_t member, uint32_t slot) const {
    const std::vector<uint32_t>& barred = members_[member].barred;
    return std::binary_search(barred.begin(), barred.end(), slot);
  }

  void Weigh() {
    pairs_.reserve(members_.size() * slots_.size());
    for (uint32_t m = 0; m < members_.size(); ++m) {
      const uint64_t name = Digest64(members_[m].name);
      for (uint32_t s = 0; s < slots_.size(); ++s) {
        if (!Barred(m, s)) pairs_.push_back({Random::Mix(name ^ Random::Mix(slots_[s])), m, s});
      }
    }
    // Ties by content, never by position.
    std::sort(pairs_.begin(), pairs_.end(), [this](const Pair& a, const Pair& b) {
      if (a.weight != b.weight) return a.weight > b.weight;
      if (a.member != b.member) return members_[a.member].name < members_[b.member].name;
      return slots_[a.slot] < slots_[b.slot];
    });
  }

  // The least b with sum(min(capacity, b)) >= slots; where capacities don't suffice, the number of slots.
  int64_t Bound() const {
    int64_t low = 1, high = static_cast<int64_t>(slots_.size());
    while (low < high) {
      const int64_t b = low + (high - low) / 2;
      int64_t sum = 0;
      for (size_t m = 0; m < members_.size(); ++m) sum += std::min(Capacity(m), b);
      if (sum >= static_cast<int64_t>(slots_.size())) {
        high = b;
      } else {
        low = b + 1;
      }
    }
    return low;
  }

  void Greedy(int64_t bound) {
    for (const Pair& pair : pairs_) {
      if (owner_[pair.slot] >= 0 || load_[pair.member] >= std::min(Capacity(pair.member), bound)) continue;
      owner_[pair.slot] = static_cast<int32_t>(pair.member);
      ++load_[pair.member];
    }
  }

  bool AnyRoom() const {
    for (size_t m = 0; m < members_.size(); ++m) {
      if (load_[m] < Capacity(m)) return true;
    }
    return false;
  }

  void IndexBySlot() {
    by_slot_.resize(slots_.size());
    for (const Pair& pair : pairs_) by_slot_[pair.slot].push_back(pair.member);
  }

  void Own(uint32_t slot, uint32_t member) {
    if (owner_[slot] >= 0) --load_[static_cast<size_t>(owner_[slot])];
    owner_[slot] = static_cast<int32_t>(member);
    ++load_[member];
  }

  // Finds an owner for `slot`, moving owned slots along where everyone who may own it is full (an augmenting path).
  bool Place(uint32_t slot, std::vector<bool>& asked) {
    for (const uint32_t member : by_slot_[slot]) {
      if (load_[member] >= Capacity(member)) continue;
      Own(slot, member);
      return true;
    }
    for (const uint32_t member : by_slot_[slot]) {
      if (asked[member]) continue;
      asked[member] = true;
      for (uint32_t other = 0; other < slots_.size(); ++other) {
        if (owner_[other] != static_cast<int32_t>(member) || !Place(other, asked)) continue;
        Own(slot, member);
        return true;
      }
    }
    return false;
  }

  std::span<const RendezvousMember> members_;
  std::span<const uint64_t> slots_;
  std::vector<int32_t> owner_;
  std::vector<int64_t> load_;
  std::vector<Pair> pairs_;                     // in falling order of weight
  std::vector<std::vector<uint32_t>> by_slot_;  // who may own a slot, in that order
};

}  // namespace

uint64_t SlotKey(std::string_view topic, int32_t partition) {
  return Digest64(topic, static_cast<uint64_t>(static_cast<uint32_t>(partition)));
}

std::vector<int32_t> Rendezvous(std::span<const RendezvousMember> members, std::span<const uint64_t> slots) {
  return Matching(members, slots).Run();
}

}  // namespace millrace::bus
