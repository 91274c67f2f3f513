// Randomness that is a function of what it is for: a draw is keyed by (salt, purpose, stable ids), so taking one draw
// away or adding one leaves all others alone, and the same key gives the same bits on every machine and compiler. No
// state, no std::*_distribution.
//
//   Random random(salt);
//   uint64_t jitter = random.Below(Purpose::kRetryJitter, {job, attempt}, 1000);
//
// The mixer is SplitMix64's finaliser (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA
// 2014). Threading: immutable; any thread.
#ifndef MILLRACE_BUS_RANDOM_H_
#define MILLRACE_BUS_RANDOM_H_

#include <cstdint>
#include <initializer_list>

namespace millrace {

class Random {
 public:
  explicit constexpr Random(uint64_t salt) : salt_(salt) {}

  // 64 uniform bits for (salt, purpose, ids). `purpose` is any constant that no other use shares.
  constexpr uint64_t Bits(uint64_t purpose, std::initializer_list<uint64_t> ids) const {
    uint64_t h = Mix(salt_ ^ Mix(purpose + kGamma));
    for (uint64_t id : ids) h = And(h, id);
    return h;
  }
  // The same with one id more: And(Bits(purpose, {a}), b) is Bits(purpose, {a, b}).
  static constexpr uint64_t And(uint64_t bits, uint64_t id) { return Mix(bits + kGamma + Mix(id + kGamma)); }

  // Uniform in [0, bound); bound 0 gives 0. The multiply-shift has a bias below bound / 2^64, which nothing here can
  // see.
  constexpr uint64_t Below(uint64_t purpose, std::initializer_list<uint64_t> ids, uint64_t bound) const {
    return Scaled(Bits(purpose, ids), bound);
  }
  static constexpr uint64_t Scaled(uint64_t bits, uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
  }

  static constexpr uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

 private:
  static constexpr uint64_t kGamma = 0x9e3779b97f4a7c15ull;
  uint64_t salt_;
};

}  // namespace millrace

#endif  // MILLRACE_BUS_RANDOM_H_
