// Refcounted bytes. Deliveries are views into segments and stay valid as long as somebody holds the segment; a segment
// whose last reference goes returns to the pool it came from, so that a steady stream allocates nothing.
//
//   SegmentPool pool(64 << 10);
//   SegmentRef s = pool.Take(64 << 10);
//   char* p = s->Append(100);        // 100 bytes, 8-aligned; nullptr when full
//
// Threading: counting is safe from any thread; Append only from the one writer. SegmentPool: any thread.
// Ownership: SegmentRef shares ownership; a pool must outlive nothing: segments that come back after it are freed.
#ifndef MILLRACE_BUS_SEGMENT_H_
#define MILLRACE_BUS_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::bus {

class SegmentPool;

class Segment {
 public:
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // `size` bytes at the next 8-aligned place, or nullptr where that is beyond the capacity. Bytes handed out never
  // move.
  char* Append(size_t size) {
    size_t start = (used_ + 7) & ~size_t{7};
    if (start + size > capacity_) return nullptr;
    used_ = start + size;
    return data() + start;
  }
  // Bytes that Append can still give.
  size_t Room() const {
    size_t start = (used_ + 7) & ~size_t{7};
    return start >= capacity_ ? 0 : capacity_ - start;
  }
  size_t used() const { return used_; }
  size_t capacity() const { return capacity_; }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }

 private:
  friend class SegmentRef;
  friend class SegmentPool;
  struct PoolState;
  Segment(size_t capacity, std::shared_ptr<PoolState> home) : capacity_(capacity), home_(std::move(home)) {}
  static void Release(Segment* segment);

  std::atomic<uint32_t> references_{0};
  size_t used_ = 0;
  size_t capacity_;
  std::shared_ptr<PoolState> home_;
};

class SegmentRef {
 public:
  SegmentRef() = default;
  SegmentRef(const SegmentRef& other) : segment_(other.segment_) {
    if (segment_ != nullptr) segment_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  SegmentRef(SegmentRef&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}
  SegmentRef& operator=(SegmentRef other) noexcept {
    std::swap(segment_, other.segment_);
    return *this;
  }
  ~SegmentRef() { reset(); }

  void reset() {
    Segment* segment = std::exchange(segment_, nullptr);
    if (segment != nullptr && segment->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      Segment::Release(segment);
  }
  Segment* get() const { return segment_; }
  Segment* operator->() const { return segment_; }
  explicit operator bool() const { return segment_ != nullptr; }
  // Whether nobody else shares it; only then the answer stays true, as long as this one is not copied.
  bool unique() const { return segment_ != nullptr && segment_->references_.load(std::memory_order_acquire) == 1; }
  bool operator==(const SegmentRef&) const = default;

 private:
  friend class SegmentPool;
  explicit SegmentRef(Segment* segment) : segment_(segment) {
    segment->references_.store(1, std::memory_order_relaxed);
  }
  Segment* segment_ = nullptr;
};

class SegmentPool {
 public:
  // Segments of `segment_bytes` are pooled, at most `keep` of them while unused; larger ones are made and freed one by
  // one.
  explicit SegmentPool(size_t segment_bytes, size_t keep = 64);
  ~SegmentPool();
  SegmentPool(const SegmentPool&) = delete;
  SegmentPool& operator=(const SegmentPool&) = delete;

  // An empty segment with room for at least `bytes`.
  SegmentRef Take(size_t bytes = 0);
  size_t segment_bytes() const;

 private:
  std::shared_ptr<Segment::PoolState> state_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_SEGMENT_H_
