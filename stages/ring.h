// A first-in first-out queue over one block of memory that doubles when full and never shrinks: no allocation once it
// has seen its peak.
#ifndef MILLRACE_STAGES_RING_H_
#define MILLRACE_STAGES_RING_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::stages {

template <class T>
class Ring {
 public:
  bool empty() const { return head_ == tail_; }
  size_t size() const { return tail_ - head_; }

  void push(T value) {
    if (size() == slots_.size()) Grow();
    slots_[tail_++ & (slots_.size() - 1)] = std::move(value);
  }
  // A new place at the back, to be filled: what has been skipped may still lie there.
  T& place() {
    if (size() == slots_.size()) Grow();
    return slots_[tail_++ & (slots_.size() - 1)];
  }
  T& front() { return slots_[head_ & (slots_.size() - 1)]; }
  T& back() { return slots_[(tail_ - 1) & (slots_.size() - 1)]; }
  // The element `i` places behind the front.
  T& operator[](size_t i) { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  const T& operator[](size_t i) const { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  T pop() {
    T value = std::exchange(front(), T{});
    ++head_;
    return value;
  }
  // The front goes; what has not been moved out of it stays until its place is needed.
  void skip() { ++head_; }
  void clear() {
    while (!empty()) pop();
  }

 private:
  void Grow() {
    std::vector<T> larger(slots_.empty() ? 16 : slots_.size() * 2);
    for (size_t i = 0, n = size(); i < n; ++i) larger[i] = std::move((*this)[i]);
    tail_ = size();
    head_ = 0;
    slots_ = std::move(larger);
  }

  std::vector<T> slots_;  // a power of two
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_RING_H_
