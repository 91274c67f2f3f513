// Which messages of one window share a key: for each key a chain in arrival order, of which only the head may run.
//
// Keys are told apart by a 64-bit hash. Two keys with one hash share a chain: they wait for each other, which costs
// concurrency and nothing else.
//
// Open addressing with linear probing and backward-shift deletion (Knuth, TAOCP 6.4, algorithm R), so that a table that
// is never more than half full stays quick for ever and allocates only to grow.
#ifndef MILLRACE_STAGES_KEY_CHAINS_H_
#define MILLRACE_STAGES_KEY_CHAINS_H_

#include <cstdint>
#include <vector>

namespace millrace::stages {

class KeyChains {
 public:
  static constexpr uint64_t kNone = UINT64_MAX;

  struct Chain {
    uint64_t key = 0;
    uint64_t head = kNone;  // places in the window
    uint64_t tail = kNone;
  };

  // The chain of `key`, made where there is none (then head is kNone). Valid until the next call.
  Chain& At(uint64_t key) {
    if (2 * (used_ + 1) > table_.size()) Grow();
    size_t i = Home(key);
    while (table_[i].head != kNone && table_[i].key != key) i = Next(i);
    if (table_[i].head == kNone) {
      table_[i] = {key, kNone, kNone};
      ++used_;
    }
    return table_[i];
  }

  void Erase(uint64_t key) {
    size_t hole = Home(key);
    while (table_[hole].key != key || table_[hole].head == kNone) {
      if (table_[hole].head == kNone) return;
      hole = Next(hole);
    }
    --used_;
    for (size_t i = Next(hole); table_[i].head != kNone; i = Next(i)) {
      // Moves an entry into the hole unless its home lies behind the hole, seen around the end of the table.
      const size_t home = Home(table_[i].key);
      if (((i - home) & Mask()) >= ((i - hole) & Mask())) {
        table_[hole] = table_[i];
        hole = i;
      }
    }
    table_[hole] = {};
  }

  void Clear() {
    if (used_ == 0) return;
    table_.assign(table_.size(), {});
    used_ = 0;
  }

 private:
  size_t Mask() const { return table_.size() - 1; }
  size_t Next(size_t i) const { return (i + 1) & Mask(); }
  size_t Home(uint64_t key) const { return static_cast<size_t>(key ^ (key >> 32)) & Mask(); }
  void Grow() {
    std::vector<Chain> old(table_.empty() ? 64 : table_.size() * 2);
    old.swap(table_);
    for (const Chain& chain : old) {
      if (chain.head == kNone) continue;
      size_t i = Home(chain.key);
      while (table_[i].head != kNone) i = Next(i);
      table_[i] = chain;
    }
  }

  std::vector<Chain> table_;
  size_t used_ = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_KEY_CHAINS_H_
