// A thread for those calls of librdkafka that wait for an answer: metadata, committed offsets, ends of partitions. What
// comes of them is carried back to the driver's own thread.
//
//   background.Run([rk] { auto found = Ask(rk); return [found] { Use(found); }; });   // Ask there, Use here
//   ...
//   background.Deliver();                                                             // runs what has come back
//
// Each call has a time-out of its own, so that Stop comes to an end: a second for each question, of which a job has three
// at most; half a second for transactions, five for a commit, fifteen for its offsets (transactions.cc).
//
// Threading: used by one thread, which runs Deliver. Ownership: the signal outlives it.
#ifndef MILLRACE_BUS_KAFKA_BACKGROUND_H_
#define MILLRACE_BUS_KAFKA_BACKGROUND_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "bus/clock.h"
#include "bus/kafka/signal.h"

namespace millrace::bus {

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
