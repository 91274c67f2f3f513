// A set of numbers that are opened in ascending order and closed in any order: tokens not yet answered, deliveries not
// yet settled.
//
//   OpenSet open;
//   open.Open(1, 64);
//   if (!open.AllOpen(3, 5)) ...     // some of them were closed before, or never opened
//   open.Close(3, 5);
//
// Costs one bit for each number from the lowest open one to the highest: the memory of the largest such span so far is
// kept and reused, so a steady stream allocates nothing. A range costs its length / 64 words.
//
// Threading: none of its own. Ownership: a value.
#ifndef MILLRACE_BUS_OPEN_SET_H_
#define MILLRACE_BUS_OPEN_SET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bus/check.h"

namespace millrace::bus {

class OpenSet {
 public:
  // Opens first … last. Requires first <= last, and first above every number opened before.
  void Open(uint64_t first, uint64_t last) {
    MR_CHECK(first >= end_ && first <= last) << "opened [" << first << ", " << last << "] behind " << end_;
    if (size_ == 0) base_ = first / 64;
    if (last / 64 - base_ >= words_.size()) Grow(last / 64 - base_ + 1);
    EachWord(first, last, [this](uint64_t word, uint64_t mask) { At(word) |= mask; });
    size_ += last - first + 1;
    end_ = last + 1;
  }

  // Whether every number in first … last is open. Any arguments.
  bool AllOpen(uint64_t first, uint64_t last) const {
    if (size_ == 0 || first > last || first / 64 < base_ || last >= end_) return false;
    bool all = true;
    EachWord(first, last, [this, &all](uint64_t word, uint64_t mask) {
      all = all && (words_[word & (words_.size() - 1)] & mask) == mask;
    });
    return all;
  }

  // Requires AllOpen(first, last).
  void Close(uint64_t first, uint64_t last) {
    MR_DCHECK(AllOpen(first, last));
    EachWord(first, last, [this](uint64_t word, uint64_t mask) { At(word) &= ~mask; });
    size_ -= last - first + 1;
    while (size_ != 0 && At(base_) == 0) ++base_;
  }

  // Calls f(first, last) for each run of open numbers, ascending.
  template <typename F>
  void EachRun(F&& f) const {
    if (size_ == 0) return;
    uint64_t run = 0;
    bool open = false;
    for (uint64_t number = base_ * 64; number < end_; ++number) {
      const bool here = ((words_[(number / 64) & (words_.size() - 1)] >> (number % 64)) & 1) != 0;
      if (here && !open) run = number;
      if (!here && open) f(run, number - 1);
      open = here;
    }
    if (open) f(run, end_ - 1);
  }

  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  static constexpr size_t kFirstWords = 16;

  uint64_t& At(uint64_t word) { return words_[word & (words_.size() - 1)]; }

  template <typename F>
  static void EachWord(uint64_t first, uint64_t last, F&& f) {
    for (uint64_t word = first / 64; word <= last / 64; ++word) {
      uint64_t mask = ~uint64_t{0};
      if (word == first / 64) mask &= ~uint64_t{0} << (first % 64);
      if (word == last / 64) mask &= ~uint64_t{0} >> (63 - last % 64);
      f(word, mask);
    }
  }

  void Grow(uint64_t need) {
    size_t size = std::max(words_.size(), kFirstWords);
    while (size < need) size *= 2;
    std::vector<uint64_t> grown(size);
    if (size_ != 0) {
      for (uint64_t word = base_; word <= (end_ - 1) / 64; ++word) grown[word & (size - 1)] = At(word);
    }
    words_.swap(grown);
  }

  std::vector<uint64_t> words_;  // a ring; its size is a power of two; words outside base_ … end_ / 64 are zero
  uint64_t base_ = 0;            // where size_ > 0: the number of the lowest word with an open bit
  uint64_t end_ = 0;             // one above the highest number opened
  uint64_t size_ = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_OPEN_SET_H_
