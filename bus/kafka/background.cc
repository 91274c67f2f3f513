#include "bus/kafka/background.h"

#include <utility>

namespace millrace::bus {

void KafkaBackground::Run(Job job, Duration pause) {
  std::lock_guard<std::mutex> lock(mutex_);
  jobs_.push_back({std::move(job), pause});
  if (!thread_.joinable()) thread_ = std::thread([this] { Loop(); });
  changed_.notify_all();
}

bool KafkaBackground::Deliver() {
  std::vector<Then> done;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    done.swap(done_);
  }
  for (const Then& then : done) then();
  return !done.empty();
}

void KafkaBackground::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    jobs_.clear();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread();
  stop_ = false;
  done_.clear();
}

void KafkaBackground::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    Entry entry = std::move(jobs_.front());
    jobs_.pop_front();
    if (entry.pause > Duration::zero()) {
      changed_.wait_for(lock, entry.pause, [this] { return stop_; });
      if (stop_) return;
    }
    lock.unlock();
    Then then = entry.job();
    lock.lock();
    if (stop_) return;
    if (then) done_.push_back(std::move(then));
    lock.unlock();
    signal_.Raise();
    lock.lock();
  }
}

}  // namespace millrace::bus
