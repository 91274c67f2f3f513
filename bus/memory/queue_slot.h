// One partition as one consumer sees it: its state and the tags it has to settle. For queue_consumer.cc.
#ifndef MILLRACE_BUS_MEMORY_QUEUE_SLOT_H_
#define MILLRACE_BUS_MEMORY_QUEUE_SLOT_H_

#include <cstdint>
#include <span>
#include <string>

#include "bus/clock.h"
#include "bus/delivery.h"
#include "bus/driver.h"
#include "bus/memory/queue_ring.h"
#include "bus/partition.h"

namespace millrace::bus {

// Which deliveries of a channel are settled. Tags ascend by one.
class TagLedger {
 public:
  struct Ack {
    uint64_t tag = 0;
    bool multiple = false;
  };

  void Reset();
  // A delivery under `tag` has come; false where that is not the one after the last, so that nothing can be said about
  // the tags between.
  bool Delivered(uint64_t tag);
  // Marks the tags of these ranges, and passes what has to be sent to `send(Ack)`: a multiple ack never covers a tag
  // that is not settled. Tags that are unknown or settled already are left out, as settling one twice closes the
  // channel.
  template <class Send>
  void Settle(std::span<const SettleRange> ranges, Send send);

  size_t unsettled() const { return unsettled_; }
  // So many deliveries are settled, since Reset.
  uint64_t settled() const { return base_ - 1 + settled_.size() - unsettled_; }

 private:
  uint64_t base_ = 1;  // tag of settled_[0]; everything below is settled
  Ring<uint8_t> settled_;
  size_t unsettled_ = 0;
};

struct QueueSlot {
  enum class State : uint8_t {
    kIdle,      // no channel
    kOpening,   // subscription sent
    kHeld,      // told as assigned
    kRevoking,  // told as revoking, not released yet
    kClosing,   // on its way back: settlements are being flushed, then channel.close is sent and its answer awaited
  };
  struct Withheld {
    Delivery delivery;
    SegmentRef segment;
  };

  Partition partition;
  bool ordered = true;
  std::string queue;
  uint32_t channel = 0;

  State state = State::kIdle;
  bool owned = false;     // by the current view of presence
  bool recreate = false;  // the queue is gone: declare it anew
  bool flow = true;
  Epoch epoch = 0;
  uint32_t failures = 0;  // openings in a row that came to nothing
  MonotonicTime retry_at;
  MonotonicTime declined_until;
  MonotonicTime deadline;  // kRevoking
  TagLedger tags;
  Ring<Withheld> withheld;

  Holding holding() const { return {partition, epoch}; }
  bool held() const { return state == State::kHeld || state == State::kRevoking; }
};

template <class Send>
void TagLedger::Settle(std::span<const SettleRange> ranges, Send send) {
  for (const SettleRange& range : ranges) {
    const uint64_t end = base_ + settled_.size();
    const uint64_t first = range.first < base_ ? base_ : range.first;
    const uint64_t last = range.last >= end ? end - 1 : range.last;
    if (first > last || end == base_) continue;
    const bool prefix = first == base_;
    uint64_t top = 0;  // the highest tag newly settled
    for (uint64_t tag = first; tag <= last; ++tag) {
      uint8_t& mark = settled_[tag - base_];
      if (mark != 0) continue;
      mark = 1;
      --unsettled_;
      top = tag;
      if (!prefix) send(Ack{tag, false});
    }
    if (prefix && top != 0) send(Ack{top, top != first});
    while (!settled_.empty() && settled_.front() != 0) {
      settled_.pop_front();
      ++base_;
    }
  }
}

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_QUEUE_SLOT_H_
