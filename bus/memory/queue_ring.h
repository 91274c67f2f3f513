// A queue over one growing block of memory: pushes at the back, pops at the front, indexes from the front. Steady use
// allocates nothing, and only what is in it is alive.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_RING_H_
#define MILLRACE_BUS_MEMORY_QUEUE_RING_H_

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {

template <class T>
class Ring {
  static_assert(std::is_nothrow_move_constructible_v<T>);

 public:
  Ring() = default;
  ~Ring() {
    clear();
    Free();
  }
  Ring(Ring&& other) noexcept { Swap(other); }
  Ring& operator=(Ring&& other) noexcept {
    Ring(std::move(other)).Swap(*this);
    return *this;
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  T& operator[](size_t i) { return places_[(head_ + i) & (capacity_ - 1)]; }
  const T& operator[](size_t i) const { return places_[(head_ + i) & (capacity_ - 1)]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }

  // `args` may not lie in the ring.
  template <class... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == capacity_) Grow();
    T* const place = std::construct_at(&(*this)[size_], std::forward<Args>(args)...);
    ++size_;
    return *place;
  }
  T& push_back(T&& value) { return emplace_back(std::move(value)); }
  T& push_back(const T& value) { return emplace_back(value); }
  // A default value.
  T& push_back() { return emplace_back(); }
  void pop_front() {
    MR_DCHECK(size_ > 0) << "nothing to pop";
    std::destroy_at(&front());
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
  }
  void clear() {
    while (!empty()) pop_front();
  }

 private:
  void Swap(Ring& other) noexcept {
    std::swap(places_, other.places_);
    std::swap(capacity_, other.capacity_);
    std::swap(head_, other.head_);
    std::swap(size_, other.size_);
  }
  void Free() {
    if (places_ != nullptr) std::allocator<T>().deallocate(places_, capacity_);
  }
  void Grow() {
    const size_t capacity = capacity_ == 0 ? 8 : capacity_ * 2;
    T* const places = std::allocator<T>().allocate(capacity);
    for (size_t i = 0; i < size_; ++i) {
      T& place = (*this)[i];
      std::construct_at(places + i, std::move(place));
      std::destroy_at(&place);
    }
    Free();
    places_ = places;
    capacity_ = capacity;
    head_ = 0;
  }

  T* places_ = nullptr;  // room for capacity_, a power of two, of which size_ from head_ on are alive
  size_t capacity_ = 0;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_RING_H_
