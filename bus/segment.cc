#include "bus/segment.h"

#include <algorithm>
#include <new>

namespace millrace::bus {

struct Segment::PoolState {
  PoolState(size_t bytes, size_t most) : segment_bytes(bytes), keep(most) { free.reserve(most); }
  ~PoolState() {
    for (Segment* segment : free) ::operator delete(segment);
  }
  const size_t segment_bytes;
  const size_t keep;
  std::mutex mutex;
  bool closed = false;
  std::vector<Segment*> free;  // raw memory, no live Segment in it
};

void Segment::Release(Segment* segment) {
  std::shared_ptr<PoolState> home = std::move(segment->home_);
  const bool pooled = home != nullptr && segment->capacity_ == home->segment_bytes;
  segment->~Segment();
  if (pooled) {
    std::lock_guard<std::mutex> lock(home->mutex);
    if (!home->closed && home->free.size() < home->keep) {
      home->free.push_back(segment);
      return;
    }
  }
  ::operator delete(segment);
}

SegmentPool::SegmentPool(size_t segment_bytes, size_t keep)
    : state_(std::make_shared<Segment::PoolState>(segment_bytes, keep)) {}

SegmentPool::~SegmentPool() {
  std::lock_guard<std::mutex> lock(state_->mutex);
  state_->closed = true;
}

SegmentRef SegmentPool::Take(size_t bytes) {
  const size_t capacity = std::max(bytes, state_->segment_bytes);
  void* memory = nullptr;
  if (capacity == state_->segment_bytes) {
    std::lock_guard<std::mutex> lock(state_->mutex);
    if (!state_->free.empty()) {
      memory = state_->free.back();
      state_->free.pop_back();
    }
  }
  if (memory == nullptr) memory = ::operator new(sizeof(Segment) + capacity);
  return SegmentRef(new (memory) Segment(capacity, state_));
}

size_t SegmentPool::segment_bytes() const { return state_->segment_bytes; }

}  // namespace millrace::bus
