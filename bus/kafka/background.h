// A thread for those calls of librdkafka that wait for an answer: metadata, committed offsets, ends of partitions. What
// comes of them is carried back to the driver's own thread.
//
//   background.Run([rk] { auto found = Ask(rk); return [found] { Use(found); }; });   // Ask there, Use here
//   ...
//   background.Deliver();                                                             // runs what has come back
//
// Each job comes to an end, and with it Stop: a second for each question, of which it has three at most; a second for all
// topics that it asks for, however many they are (TopicQuestions); half a second for transactions, five for a commit, fifteen
// for its offsets (transactions.cc).
//
// Threading: used by one thread, which runs Deliver. Ownership: the signal outlives it.
#ifndef MILLRACE_BUS_KAFKA_BACKGROUND_H_
#define MILLRACE_BUS_KAFKA_BACKGROUND_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "bus/clock.h"
#include "bus/kafka/signal.h"

namespace millrace::bus {

// The time of a job that asks for topics one after the other, in one question for each: librdkafka's question for all of a
// handle's topics may make those that are missing.
class TopicQuestions {
 public:
  explicit TopicQuestions(const Clock& clock) : clock_(clock), end_(clock.Now() + kTime) {}
  // How long the next question may wait, in milliseconds. 0: that is for another job, which has the whole time for it. The
  // first one of a job has it too.
  int NextMs() {
    const Duration left = end_ - clock_.Now();
    if (asked_++ > 0 && left < kTime / 2) return 0;
    return static_cast<int>(std::max(std::chrono::ceil<std::chrono::milliseconds>(left), kLeast).count());
  }

 private:
  static constexpr Duration kTime = std::chrono::seconds(1);
  static constexpr std::chrono::milliseconds kLeast{1};
  const Clock& clock_;
  const MonotonicTime end_;
  int asked_ = 0;
};

class KafkaBackground {
 public:
  using Then = std::function<void()>;
  using Job = std::function<Then()>;

  explicit KafkaBackground(KafkaSignal& signal) : signal_(signal) {}
  ~KafkaBackground() { Stop(); }

  // After `pause` in which the thread does nothing else.
  void Run(Job job, Duration pause = Duration::zero());
  // Runs what came back; true where there was something.
  bool Deliver();
  // Waits for the job at work, forgets the others and what came of them. Run begins anew.
  void Stop();

 private:
  struct Entry {
    Job job;
    Duration pause;
  };
  void Loop();

  KafkaSignal& signal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> jobs_;
  std::vector<Then> done_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_BACKGROUND_H_
