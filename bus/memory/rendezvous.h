// Who owns which slot: highest-random-weight (rendezvous) hashing with bounds, a pure function that every instance
// computes by itself.
//
//   std::vector<RendezvousMember> members = {{"a"}, {"b", 2}};
//   std::vector<uint64_t> slots = {SlotKey("raw", 0), SlotKey("raw", 1), …};
//   std::vector<int32_t> owner = Rendezvous(members, slots);     // index into members; -1: nobody
//
// Each pair (member, slot) has a random weight, and pairs are taken in falling order of weight while the slot is free
// and the member below its bound. The bound is the least b with sum(min(capacity, b)) >= slots (ceil(slots / members)
// where capacities don't matter), so the load is even, every slot has an owner when the capacities of members that may
// own it suffice, and only few slots move when a member comes or goes.
//
// The result depends on names and keys only, not on the order of members. Thomson's problem: Thaler, Ravishankar,
// "Using name-based mappings to increase hit rates", 1998; bounds as in Mirrokni, Thorup, Zadimoghaddam, "Consistent
// hashing with bounded loads", 2018. Threading: pure.
#ifndef MILLRACE_BUS_MEMORY_RENDEZVOUS_H_
#define MILLRACE_BUS_MEMORY_RENDEZVOUS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::bus {

struct RendezvousMember {
  std::string name;                   // unique among the members
  int32_t capacity = 0;               // most slots it will own; 0: no bound of its own
  std::vector<uint32_t> barred = {};  // indexes of slots that it may not own, ascending
};

uint64_t SlotKey(std::string_view topic, int32_t partition);

// O(M·N·log(M·N)) for M members and N slots.
std::vector<int32_t> Rendezvous(std::span<const RendezvousMember> members, std::span<const uint64_t> slots);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_RENDEZVOUS_H_
