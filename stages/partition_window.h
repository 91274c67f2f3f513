// The messages of one held partition that are in flight or wait behind what is, in arrival order, with a chain for each
// key.
//
// Places are counted up for ever (head() … tail()), so a place that has gone never means another message. Bytes of
// messages stay alive through the segments held here until the head has passed them.
#ifndef MILLRACE_STAGES_PARTITION_WINDOW_H_
#define MILLRACE_STAGES_PARTITION_WINDOW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bus/check.h"
#include "bus/clock.h"
#include "bus/delivery.h"
#include "stages/attempt.h"
#include "stages/key_chains.h"
#include "stages/partition_note.h"
#include "stages/ring.h"

namespace millrace::stages {

enum class SlotState : uint8_t {
  kWaiting,     // behind an earlier message of its key
  kReady,       // may run
  kRunning,     // handed to the executor
  kBackoff,     // failed, to be tried again later
  kPublishing,  // ran; outputs (or its dead letter) are to be confirmed
  kSpooling,    // its body is being kept before it is dead-lettered
  kDone,        // to be settled
  kHeldBack,    // ran; its outputs wait for those before it, or for a transaction (exactly once)
};

struct Slot {
  bus::Delivery delivery;
  uint64_t key = 0;                  // hash; meaningless without a key
  uint64_t next = KeyChains::kNone;  // the next message of its key
  MonotonicTime arrived;
  SlotState state = SlotState::kWaiting;
  bool keyed = false;
  bool key_released = false;             // its successor may run
  bool alone = false;                    // to be run in a group of its own
  bool dead = false;                     // what is being published is its dead letter
  uint32_t failures = 0;                 // own ones
  uint32_t unconfirmed = 0;              // outputs
  absl::Status rejected;                 // why an output can never be published
  std::unique_ptr<std::string> history;  // one line a failure
};

class PartitionWindow {
 public:
  uint64_t head() const { return head_; }
  uint64_t tail() const { return tail_; }
  bool empty() const { return head_ == tail_; }
  size_t size() const { return tail_ - head_; }
  size_t bytes() const { return bytes_; }
  bool Contains(uint64_t place) const { return place >= head_ && place < tail_; }

  Slot& at(uint64_t place) { return slots_[place & (slots_.size() - 1)]; }
  const Slot& at(uint64_t place) const { return slots_[place & (slots_.size() - 1)]; }

  // Appends; the bytes must be kept by a segment passed to Hold after the last Push of its batch.
  Slot& Push(const bus::Delivery& delivery) {
    if (size() == slots_.size()) Grow();
    Slot& slot = at(tail_++);
    slot.delivery = delivery;
    slot.next = KeyChains::kNone;
    slot.state = SlotState::kWaiting;
    slot.key_released = slot.alone = slot.dead = false;
    slot.failures = slot.unconfirmed = 0;
    if (!slot.rejected.ok()) slot.rejected = absl::OkStatus();
    slot.history.reset();
    bytes_ += delivery.message.Bytes();
    return slot;
  }
  void Hold(const bus::SegmentRef& segment) {
    if (!held_.empty() && held_.back().segment == segment) {
      held_.back().until = tail_;
    } else {
      held_.push({segment, tail_});
    }
  }
  // The segment behind a place.
  const bus::SegmentRef& SegmentOf(uint64_t place) const {
    size_t low = 0, high = held_.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (held_[middle].until > place) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return held_[low].segment;
  }
  void PopHead() {
    MR_DCHECK(!empty());
    bytes_ -= at(head_).delivery.message.Bytes();
    ++head_;
    while (!held_.empty() && held_.front().until <= head_) held_.pop();
  }
  void Clear() {
    head_ = tail_;
    bytes_ = 0;
    held_.clear();
    keys.Clear();
  }

  KeyChains keys;

 private:
  struct Held {
    bus::SegmentRef segment;
    uint64_t until = 0;  // the first place that it is not needed for
  };
  void Grow() {
    std::vector<Slot> larger(slots_.empty() ? 64 : slots_.size() * 2);
    for (uint64_t place = head_; place < tail_; ++place) larger[place & (larger.size() - 1)] = std::move(at(place));
    slots_ = std::move(larger);
  }

  std::vector<Slot> slots_;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  size_t bytes_ = 0;
  Ring<Held> held_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_PARTITION_WINDOW_H_
