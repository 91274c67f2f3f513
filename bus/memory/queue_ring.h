// A queue over one growing array: pushes at the back, pops at the front, indexes from the front. Steady use allocates
// nothing.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_RING_H_
#define MILLRACE_BUS_MEMORY_QUEUE_RING_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "bus/check.h"

namespace millrace::bus {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  T& operator[](size_t i) { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  const T& operator[](size_t i) const { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }

  T& push_back(T&& value) { return push_back() = std::move(value); }
  T& push_back(const T& value) { return push_back() = value; }
  // A default value.
  T& push_back() {
    if (size_ == slots_.size()) Grow();
    return (*this)[size_++];
  }
  // What was at the front is left as a default value, so that it holds nothing.
  void pop_front() {
    MR_DCHECK(size_ > 0) << "nothing to pop";
    slots_[head_] = T();
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
  }
  void clear() {
    while (!empty()) pop_front();
  }

 private:
  void Grow() {
    std::vector<T> bigger(slots_.empty() ? 8 : slots_.size() * 2);
    for (size_t i = 0; i < size_; ++i) bigger[i] = std::move((*this)[i]);
    slots_ = std::move(bigger);
    head_ = 0;
  }

  std::vector<T> slots_;  // a power of two long
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_RING_H_
