#include "stages/executor.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "stages/ring.h"

namespace millrace::stages {
namespace {

class InlineExecutor : public Executor {
 public:
  InlineExecutor(std::unique_ptr<AttemptRunner> runner, AttemptReporter* reporter)
      : runner_(std::move(runner)), reporter_(reporter) {}
  void Dispatch(AttemptGroup* group) override { runner_->Run(group, reporter_); }
  absl::Status Stop(MonotonicTime) override { return absl::OkStatus(); }

 private:
  std::unique_ptr<AttemptRunner> runner_;
  AttemptReporter* reporter_;
};

class ThreadExecutor : public Executor {
 public:
  ThreadExecutor(std::vector<std::unique_ptr<AttemptRunner>> runners, AttemptReporter* reporter, const Clock* clock)
      : runners_(std::move(runners)), reporter_(reporter), clock_(clock) {
    for (auto& runner : runners_) threads_.emplace_back([this, r = runner.get()] { Loop(r); });
  }
  ~ThreadExecutor() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      queue_.clear();
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Dispatch(AttemptGroup* group) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push(group);
    }
    work_.notify_one();
  }

  absl::Status Stop(MonotonicTime deadline) override {
    std::unique_lock<std::mutex> lock(mutex_);
    stopping_ = true;
    queue_.clear();
    work_.notify_all();
    while (busy_ > 0) {
      const Duration left = deadline - clock_->Now();
      if (left.count() <= 0) return absl::DeadlineExceededError(std::to_string(busy_) + " attempts have not returned");
      idle_.wait_for(lock, std::min<Duration>(left, std::chrono::milliseconds(100)));
    }
    return absl::OkStatus();
  }

 private:
  void Loop(AttemptRunner* runner) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      AttemptGroup* group = queue_.pop();
      ++busy_;
      lock.unlock();
      runner->Run(group, reporter_);
      lock.lock();
      --busy_;
      if (busy_ == 0) idle_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_, idle_;
  Ring<AttemptGroup*> queue_;
  size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<std::unique_ptr<AttemptRunner>> runners_;
  AttemptReporter* reporter_;
  const Clock* clock_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> MakeInlineExecutor(std::unique_ptr<AttemptRunner> runner, AttemptReporter* reporter) {
  return std::make_unique<InlineExecutor>(std::move(runner), reporter);
}

std::unique_ptr<Executor> MakeThreadExecutor(std::vector<std::unique_ptr<AttemptRunner>> runners,
                                             AttemptReporter* reporter, const Clock* clock) {
  return std::make_unique<ThreadExecutor>(std::move(runners), reporter, clock);
}

}  // namespace millrace::stages
