// What a consumer has still to tell of troubles and of what was destroyed, in the order in which it came.
//
// Threading: one thread at a time. Handlers may add while they are told: that is told next time.
#ifndef MILLRACE_BUS_MEMORY_TROUBLES_H_
#define MILLRACE_BUS_MEMORY_TROUBLES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bus/driver.h"

namespace millrace::bus {

class Troubles {
 public:
  void Add(absl::Status status) { untold_.push_back({.loss = {.partition = {}, .status = std::move(status)}}); }
  void AddLoss(Partition partition, std::string text) { AddLoss(partition, 0, UINT64_MAX, std::move(text)); }
  void AddLoss(Partition partition, uint64_t first, uint64_t last, std::string text) {
    untold_.push_back(
        {.destroyed = true,
         .loss = {
             .partition = partition, .first = first, .last = last, .status = absl::DataLossError(std::move(text))}});
  }
  bool empty() const { return untold_.empty(); }
  void Tell(ConsumerHandler& handler) {
    std::swap(untold_, telling_);
    for (const Trouble& trouble : telling_) {
      if (trouble.destroyed) {
        handler.OnDataLoss(trouble.loss);
      } else {
        handler.OnTrouble(trouble.loss.status);
      }
    }
    telling_.clear();
  }

 private:
  struct Trouble {
    bool destroyed = false;
    DataLoss loss;  // of another trouble only the status
  };
  std::vector<Trouble> untold_, telling_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_TROUBLES_H_
