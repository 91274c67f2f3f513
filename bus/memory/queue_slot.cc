#include "bus/memory/queue_slot.h"

namespace millrace::bus {

void TagLedger::Reset() {
  base_ = 1;
  settled_.clear();
  unsettled_ = 0;
}

bool TagLedger::Delivered(uint64_t tag) {
  if (tag != base_ + settled_.size()) return false;
  settled_.push_back(0);
  ++unsettled_;
  return true;
}

}  // namespace millrace::bus
