// The seeds of one process of several that share a range: every so manyth of them, in order.
//
//   const SeedShare share{.first = 1, .count = 1000, .shards = 4, .shard = 2};
//   SeedPlans seeds(share.First(), share.Count(), share.shards);
//   if (done < share.Count()) …share.Next(done) is the first that has not run…
//
// Threading: values.
#ifndef MILLRACE_OPS_SEED_SHARE_H_
#define MILLRACE_OPS_SEED_SHARE_H_

#include <cstdint>

namespace millrace::ops {

struct SeedShare {
  uint64_t first = 1, count = 0;  // of all; first + count - 1 is a number
  uint64_t shards = 1, shard = 0;

  // Of this one.
  uint64_t First() const { return first + shard; }
  uint64_t Count() const { return count / shards + (shard < count % shards ? 1 : 0); }
  // Behind so many of its own; there is one while these are fewer than Count().
  uint64_t Next(uint64_t done) const { return First() + done * shards; }
  // How many of the whole range there are from a seed of it on.
  uint64_t From(uint64_t seed) const { return count - (seed - first); }
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SEED_SHARE_H_
