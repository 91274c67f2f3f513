// One source of a pipeline at work: its feeder (stages/feeder.h), journal and checkpoint, and the thread's loop around
// them.
//
//   Feed feed(settings, std::move(source), bus, clock);
//   if (absl::Status s = feed.Open(folder, Feeder::From::kCheckpoint, nullptr); !s.ok()) return s;
//   std::thread thread([&] { feed.Run(); });
//   … feed.Stop(deadline); thread.join();
//
// Blocking    Run until the source has ended and all of it is accepted, or until Stop, or an error: result().
// Threading   Open, then Run on one thread; Stop, Stats, done and result from any (result once done).
// Ownership   bus and clock outlive it.
#ifndef MILLRACE_OPS_FEED_H_
#define MILLRACE_OPS_FEED_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "ops/run_folder.h"
#include "ops/sleeper.h"
#include "stages/feeder.h"
#include "stages/settings.h"

namespace millrace::ops {

class Feed {
 public:
  Feed(const stages::SourceSettings& settings, std::unique_ptr<stages::Source> source, bus::Bus* bus,
       const Clock* clock)
      : settings_(settings), source_(std::move(source)), bus_(bus), clock_(clock) {}

  // `settled`: see FeederOptions.
  absl::Status Open(const RunFolder& folder, stages::Feeder::From from, std::function<bool(std::string_view)> settled);
  void Run();
  // Reads nothing more; what was read and is not accepted at `deadline` will be read again by the next run.
  void Stop(MonotonicTime deadline);

  bool done() const { return done_.load(std::memory_order_acquire); }
  // Why it ended; OK at a good end.
  absl::Status result() const;
  stages::FeederStats Stats() const;
  // What is being waited out.
  absl::Status trouble() const;
  const std::string& name() const { return settings_.name; }

 private:
  void Publish();

  const stages::SourceSettings& settings_;
  const std::unique_ptr<stages::Source> source_;
  bus::Bus* const bus_;
  const Clock* const clock_;
  Sleeper sleeper_;
  std::unique_ptr<stages::Journal> journal_;
  std::unique_ptr<stages::Feeder> feeder_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> deadline_ns_{INT64_MAX};
  std::atomic<bool> done_{false};

  mutable std::mutex mutex_;
  stages::FeederStats stats_;
  absl::Status trouble_;
  absl::Status result_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_FEED_H_
