// A pipeline at work in this process: ports, instances of its stages, feeds of its sources and the collector, each on a
// thread of its own.
//
//   PipelineRun run(pipeline, registry, bus, clock,
//                   {.out_dir = folder.path(), .base_dir = file.base_dir(), .work = AllStages(pipeline),
//                    .folder = &folder});
//   if (absl::Status s = run.Open(Feeder::From::kCheckpoint, nullptr); !s.ok()) return s;
//   run.Start();
//   while (!run.Finished()) …;                       // sources at their end, and nothing left on the bus
//   run.Stop(deadline);                              // feeds, then workers, then the collector; joins all
//   run.ports().Close();
//
// Errors      Open: InvalidArgument, NotFound and FailedPrecondition for what the user gave (an option, a file), else
// the environment's. What goes
//             wrong later ends the part it happens in, is in problems(), and leaves unsettled what is not finished.
// Blocking    Stop, up to its deadline and a few seconds more.
// Threading   one thread.
// Ownership   pipeline, registry, bus, clock and folder outlive it. When an attempt never returned (stuck()), it must
// be leaked: the thread still uses it.
#ifndef MILLRACE_OPS_PIPELINE_RUN_H_
#define MILLRACE_OPS_PIPELINE_RUN_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "ops/collector.h"
#include "ops/feed.h"
#include "ops/run_folder.h"
#include "ops/trouble_log.h"
#include "sim/observed/process_log.h"
#include "stages/feeder.h"
#include "stages/instance.h"
#include "stages/port.h"
#include "stages/registry.h"
#include "stages/settings.h"
#include "stages/spool.h"
#include "stages/trial_gate.h"

namespace millrace::ops {

struct PipelineRunOptions {
  std::string out_dir;   // where ports write, and dead letters whose body does not fit
  std::string base_dir;  // what paths in options are relative to
  bool durable = false;  // the bus survives this machine: so must what leaves it
  // The stages that work in this process, by name.
  std::vector<std::string> work;
  // Unique among the processes of the pipeline; begins the names of instances. Empty where there is only this one.
  std::string process;
  // Where each instance writes down what it sees and does (sim/observed/process_log.h), for `millrace judge`. The folder is
  // there. Empty: nowhere.
  std::string history;
  // Called from the thread of an instance whose history cannot be written, before it goes on. It should not: it does not return
  // where histories are to be judged.
  std::function<void(const std::string& problem)> history_failed = nullptr;
  // Feeds the sources and collects dead letters and receipts into it; nullptr: others do.
  const RunFolder* folder = nullptr;
};

// The names of all stages.
std::vector<std::string> AllStages(const stages::ResolvedPipeline& pipeline);

// What a stage has done, all of its instances together.
struct StageReport {
  std::string name;
  int32_t instances = 0;
  int32_t idle = 0;  // of them, with no partition to have
  uint64_t in = 0, done = 0, out = 0, retried = 0, dead = 0;
  int64_t p50_ns = 0, p99_ns = 0;
  std::vector<std::string> pending;  // what waits for what
};

class PipelineRun {
 public:
  PipelineRun(const stages::ResolvedPipeline& pipeline, const stages::Registry& registry, bus::Bus* bus,
              const Clock* clock, PipelineRunOptions options);
  ~PipelineRun();

  // Makes ports and stages, opens files.
  absl::Status OpenPorts();
  absl::Status Open(stages::Feeder::From from, std::function<bool(std::string_view)> settled);
  // Sources begin once the instances have their partitions: a partition that moves under work makes duplicates.
  void Start();

  // Whether all sources have ended and every message is settled by everybody who reads it.
  bool Finished();
  // Messages that somebody has still to settle.
  uint64_t OnBus();
  // Whether a part has ended that the run cannot go on without.
  bool Failed() const;
  void StopFeeds(MonotonicTime deadline);
  bool FeedsDone() const;
  void Stop(MonotonicTime deadline);

  std::vector<StageReport> Stages() const;
  stages::FeederStats FeedTotals() const;  // progress: the least of all sources
  // What went wrong for good, data that the bus destroyed included.
  std::vector<std::string> Problems() const;
  // The same, and what is being waited out: what has to be told since the last call (ops/trouble_log.h).
  std::vector<std::string> TakeTroubles();
  // The first thing that went wrong; OK where nothing did.
  absl::Status problem() const;
  bool stuck() const { return stuck_; }
  stages::Ports& ports() { return ports_; }

 private:
  struct Member {
    const stages::StageSettings* stage;
    std::unique_ptr<sim::ProcessLog> log;  // may be null
    std::unique_ptr<stages::Instance> instance;
    std::thread thread;
  };
  bool Works(const stages::StageSettings& stage) const;
  absl::Status MakeMember(const stages::StageSettings& stage, int32_t number);
  absl::StatusOr<std::unique_ptr<stages::AttemptRunner>> MakeRunner(const stages::StageSettings& stage);
  stages::StageConfig ConfigOf(const std::string& name, const stages::Options& options) const;
  bool Assigned() const;
  absl::StatusOr<uint64_t> LagOf(const std::string& group, const std::string& topic);
  enum class Grave { kPart, kRun };  // whether the run can go on without that part
  void Problem(Grave grave, const std::string& where, const absl::Status& status);
  void Trouble(const absl::Status& status);

  const stages::ResolvedPipeline& pipeline_;
  const stages::Registry& registry_;
  bus::Bus* const bus_;
  const Clock* const clock_;
  const PipelineRunOptions options_;
  std::vector<const stages::StageSettings*> downstream_;  // readers come behind those who write for them
  stages::Ports ports_;
  stages::FolderSpool spool_;
  stages::TrialGate gate_;
  bus::SegmentPool pool_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<Feed>> feeds_;
  std::vector<std::thread> feed_threads_;
  std::unique_ptr<Collector> collector_;
  std::thread collector_thread_;
  std::atomic<bool> stuck_{false};

  mutable std::mutex mutex_;
  absl::Status problem_;
  std::vector<std::string> problems_;
  TroubleLog troubles_;
  bool failed_ = false;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_PIPELINE_RUN_H_
