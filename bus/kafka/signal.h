// How librdkafka's threads tell a driver's user that there is something to poll for.
//
// While the user polls it sees what there is by itself and need not be woken. It and librdkafka's threads each write one
// flag and then read the other's, so that between the end of a Poll and the next at least one of them notices.
//
// Threading: Raise from any thread, the rest by the driver's one user. When Detach returns no Wake is under way.
#ifndef MILLRACE_BUS_KAFKA_SIGNAL_H_
#define MILLRACE_BUS_KAFKA_SIGNAL_H_

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "bus/clock.h"
#include "bus/driver.h"

namespace millrace::bus {

class KafkaSignal {
 public:
  explicit KafkaSignal(Waker& waker) : waker_(&waker) {}

  void Raise() {
    // Who was told and has not looked yet need not be told again.
    if (something_.exchange(true) || polling_.load()) return;
    std::lock_guard<std::mutex> lock(mutex_);
    raised_.notify_all();
    if (waker_ != nullptr) waker_->Wake();
  }
  // Whether something has come since this was asked last.
  bool Take() { return something_.load() && something_.exchange(false); }
  bool Something() const { return something_.load(); }
  void SetPolling(bool polling) { polling_.store(polling); }

  // For Close, which has to wait by itself: until raised, or for as long as that.
  void Await(Duration most) {
    std::unique_lock<std::mutex> lock(mutex_);
    raised_.wait_for(lock, most, [this] { return something_.load(); });
  }
  void Detach() {
    std::lock_guard<std::mutex> lock(mutex_);
    waker_ = nullptr;
  }

 private:
  std::atomic<bool> something_{true};  // a new driver is looked at once unasked
  std::atomic<bool> polling_{false};
  std::mutex mutex_;
  std::condition_variable raised_;
  Waker* waker_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_SIGNAL_H_
