// What both faces of mem: share: a broker model behind one lock, and wakers called without it.
//
//   CoreLock<LogBroker> lock(core);
//   lock->Receive(...);              // may wake clients: their wakers are called when `lock` goes
//
// Why wakers go through a WakeCell: the thread that makes something ready is another than the one that owns the waker,
// which may be gone by the time the lock is given back. A cell is emptied by its owner, and that waits for a call under
// way.
//
// Threading: everything here is safe from any thread.
#ifndef MILLRACE_BUS_MEMORY_MEMORY_CORE_H_
#define MILLRACE_BUS_MEMORY_MEMORY_CORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "bus/clock.h"
#include "bus/driver.h"
#include "bus/memory/log_broker.h"
#include "bus/memory/queue_broker.h"

namespace millrace::bus {

class WakeCell {
 public:
  explicit WakeCell(Waker& waker) : waker_(&waker) {}
  void Wake() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (waker_ != nullptr) waker_->Wake();
  }
  // Another one from now on; nullptr: nobody. Calls of the old one are over when this returns.
  void Set(Waker* waker) {
    std::lock_guard<std::mutex> lock(mutex_);
    waker_ = waker;
  }

 private:
  std::mutex mutex_;
  Waker* waker_;
};

using WakeList = absl::InlinedVector<std::shared_ptr<WakeCell>, 4>;

// What a broker gets as a connection's waker: it is called under the lock and only notes down whom to wake.
//
// While the owner polls it sees what there is by itself and need not be woken. Owner and broker each write one flag and
// then read the other's, so that between the end of a Poll and the next at least one of them notices.
class NotingWaker : public Waker {
 public:
  NotingWaker(WakeList& list, std::shared_ptr<WakeCell> cell) : list_(list), cell_(std::move(cell)) {}
  void Wake() override {
    something_.store(true);
    if (!polling_.load()) list_.push_back(cell_);
  }
  // The owner's: whether something has come since this was asked last.
  bool TakeSomething() { return something_.load(std::memory_order_relaxed) && something_.exchange(false); }
  bool Something() const { return something_.load(); }
  void SetPolling(bool polling) { polling_.store(polling); }

 private:
  WakeList& list_;
  const std::shared_ptr<WakeCell> cell_;
  std::atomic<bool> something_{false};
  std::atomic<bool> polling_{false};
};

inline void AdvanceBroker(LogBroker& broker, MonotonicTime now) { broker.Advance(now); }
inline void AdvanceBroker(QueueBroker& broker, MonotonicTime now) { broker.Tick(now); }

template <class Broker>
struct MemoryCore {
  MemoryCore(std::unique_ptr<Broker> b, const Clock& c) : broker(std::move(b)), clock(c) {}
  std::mutex mutex;
  std::unique_ptr<Broker> broker;
  WakeList wakes;  // to be called when the lock goes
  const Clock& clock;
  // When the broker has something to do by itself. Whoever polls then does it; so consumers' timers count this in.
  std::atomic<int64_t> timer_ns{INT64_MAX};

  MonotonicTime Timer() const { return {timer_ns.load(std::memory_order_relaxed)}; }
  void AdvanceTo(MonotonicTime now);
};

template <class Broker>
class CoreLock {
 public:
  explicit CoreLock(MemoryCore<Broker>& core) : core_(core) { core_.mutex.lock(); }
  ~CoreLock() {
    const int64_t timer = core_.broker->NextTimer().ns;
    if (timer != core_.timer_ns.load(std::memory_order_relaxed)) core_.timer_ns.store(timer, std::memory_order_relaxed);
    if (core_.wakes.empty()) {
      core_.mutex.unlock();
      return;
    }
    const WakeList wakes = std::move(core_.wakes);
    core_.wakes.clear();
    core_.mutex.unlock();
    for (const std::shared_ptr<WakeCell>& cell : wakes) cell->Wake();
  }
  CoreLock(const CoreLock&) = delete;
  CoreLock& operator=(const CoreLock&) = delete;

  Broker* operator->() const { return core_.broker.get(); }
  Broker& operator*() const { return *core_.broker; }

 private:
  MemoryCore<Broker>& core_;
};

template <class Broker>
void MemoryCore<Broker>::AdvanceTo(MonotonicTime now) {
  if (now < Timer()) return;
  CoreLock<Broker> lock(*this);
  AdvanceBroker(*lock, now);
}

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_MEMORY_CORE_H_
