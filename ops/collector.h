// Takes dead letters and receipts off the bus into the files that people and the ledger read. A message is settled only
// after its line is in the file.
//
//   Collector collector(pipeline, bus, /*durable=*/true, clock);
//   if (absl::Status s = collector.Open(dead_letters_path, receipts_path); !s.ok()) return s;
//   std::thread thread([&] { result = collector.Run(); });
//   … collector.Stop(deadline); thread.join();
//
// Blocking    Run until Stop, or until a file cannot be written (that status; what was not written stays unsettled).
// Threading   Open, then Run on one thread; Stop from any.
// Ownership   pipeline, bus and clock outlive it.
#ifndef MILLRACE_OPS_COLLECTOR_H_
#define MILLRACE_OPS_COLLECTOR_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"
#include "bus/consumer.h"
#include "ops/line_file.h"
#include "ops/sleeper.h"
#include "stages/settings.h"

namespace millrace::ops {

class Collector {
 public:
  // `durable`: wait for the disk before settling. Without, what is written survives the process only: enough where the
  // bus does not survive more.
  Collector(const stages::ResolvedPipeline& pipeline, bus::Bus* bus, bool durable, const Clock* clock);

  absl::Status Open(const std::string& dead_letters, const std::string& receipts);
  absl::Status Run();
  void Stop(MonotonicTime deadline);

 private:
  absl::Status Take(const bus::DeliveryBatch& batch);

  const stages::ResolvedPipeline& pipeline_;
  bus::Bus* const bus_;
  const bool durable_;
  const Clock* const clock_;
  Sleeper sleeper_;
  std::vector<std::string> topics_;
  std::unique_ptr<LineFile> dead_letters_;
  std::unique_ptr<LineFile> receipts_;
  std::unique_ptr<bus::Consumer> consumer_;
  std::string line_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> deadline_ns_{0};
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_COLLECTOR_H_
