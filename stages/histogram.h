// Durations in buckets of at most 1/16 relative width (log-linear, integers only): quantiles without keeping values.
//
// Threading: a value.
#ifndef MILLRACE_STAGES_HISTOGRAM_H_
#define MILLRACE_STAGES_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace millrace::stages {

class Histogram {
 public:
  void Add(int64_t ns) {
    ++counts_[Bucket(std::max<int64_t>(ns, 0))];
    ++total_;
  }
  void Merge(const Histogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
  }
  uint64_t total() const { return total_; }
  // The largest value of the bucket in which the q-quantile lies, q in permille; 0 where there is nothing.
  int64_t QuantilePermille(uint64_t q) const {
    if (total_ == 0) return 0;
    const uint64_t rank = std::max<uint64_t>(1, (total_ * q + 999) / 1000);
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank) return Upper(i);
    }
    return Upper(counts_.size() - 1);
  }

 private:
  static constexpr int kBits = 4;  // 16 buckets to an octave
  static size_t Bucket(int64_t ns) {
    const auto v = static_cast<uint64_t>(ns);
    if (v < (1u << kBits)) return v;
    const int shift = std::bit_width(v) - 1 - kBits;
    return (static_cast<size_t>(shift + 1) << kBits) + ((v >> shift) & ((1u << kBits) - 1));
  }
  static int64_t Upper(size_t bucket) {
    if (bucket < (1u << kBits)) return static_cast<int64_t>(bucket);
    const int shift = static_cast<int>(bucket >> kBits) - 1;
    const uint64_t low = ((1ull << kBits) + (bucket & ((1u << kBits) - 1))) << shift;
    return static_cast<int64_t>(low + (1ull << shift) - 1);
  }

  std::array<uint64_t, (64 - kBits) << kBits> counts_ = {};
  uint64_t total_ = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_HISTOGRAM_H_
