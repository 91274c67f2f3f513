// Messages by where bytes of theirs lie. Open addressing with linear probing, at most half full; nothing is taken out.
//
// Where things lie differs from run to run: what is found does not depend on it, and nobody goes through all of them.
// Threading: one thread at a time.
#ifndef MILLRACE_SIM_BY_ADDRESS_H_
#define MILLRACE_SIM_BY_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/history.h"

namespace millrace::sim {

class ByAddress {
 public:
  explicit ByAddress(size_t expected) {
    size_t size = 64;
    while (size < 2 * expected) size *= 2;
    table_.resize(size);
  }
  // kNoMessage where nothing is known to lie there.
  uint32_t Find(const char* at) const {
    size_t i = Home(at);
    while (table_[i].at != nullptr && table_[i].at != at) i = (i + 1) & (table_.size() - 1);
    return table_[i].message;
  }
  // Not null. What is known to lie there stays.
  void Add(const char* at, uint32_t message) {
    if (2 * ++used_ > table_.size()) Grow();
    size_t i = Home(at);
    while (table_[i].at != nullptr && table_[i].at != at) i = (i + 1) & (table_.size() - 1);
    if (table_[i].at == nullptr) table_[i] = {at, message};
  }

 private:
  struct Entry {
    const char* at = nullptr;
    uint32_t message = kNoMessage;
  };
  size_t Home(const char* at) const {
    const uint64_t mixed = reinterpret_cast<uintptr_t>(at) / 8 * 0x9e3779b97f4a7c15u;
    return static_cast<size_t>(mixed >> 32) & (table_.size() - 1);
  }
  void Grow() {
    std::vector<Entry> old(2 * table_.size());
    old.swap(table_);
    used_ = 1;
    for (const Entry& entry : old) {
      if (entry.at != nullptr) Add(entry.at, entry.message);
    }
  }

  std::vector<Entry> table_;  // a power of two
  size_t used_ = 0;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_BY_ADDRESS_H_
