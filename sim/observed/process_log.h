// What one instance of a stage in a real process has seen and done, as lines in a file of its own, for the checkers to judge
// afterwards (sim/observed/observation.h). It hangs at the instance's tap.
//
//   auto log = ProcessLog::Open("out/history/w1.parse-0.history", "w1", "parse", {"parsed", "dead"}, on_failure);
//   config.tap = log->get();
//   … (*log)->Trouble(status) from the loop, (*log)->End(result) when Run has returned
//
// A step's lines are with the operating system before any of its actions is carried out: they survive `kill -9`, which leaves at
// most a torn last line. Nothing is kept in memory. Times are of the monotonic clock, which the processes of one machine share.
//
// A file begins with "millrace-history 1", the process, the stage and the topics that it writes to, a line each. Then a letter
// and numbers a line; digests are hexadecimal:
//   a at partition epoch start            assigned          r, l, x at partition epoch    revoking, lost, released
//   D at partition epoch sequence redeliveries id content   delivered
//   d at partition epoch sequence attempt                   dispatched
//   A at partition epoch sequence attempt code skipped outputs   an attempt has ended, and its outputs: O at topic id content
//   P at token topic partition id content                   published      C at first count code   answered
//   s at partition epoch first last                         settled        c at partition epoch next   committed
//   T at commit                                             a transaction is to end      t at code   has ended
//   g at                                                    asked to stop  ! at code     trouble     E at code   Run's result
//
// Errors      Open: those of the file system, InvalidArgument for a name with a line feed, and AlreadyExists where a process that is
//             alive writes the file: two of one name. The first failed write is told to
//             `on_failure` before any action of its step is carried out, and kept in status(); nothing is written after it. A
//             process that went on would do what stands in no history: it has to end there and then, as if killed.
// Blocking    on writes of the file system, never on a sync.
// Threading   the instance's thread; End when that has ended. Ownership: the clock of Trouble and End is the caller's.
#ifndef MILLRACE_SIM_OBSERVED_PROCESS_LOG_H_
#define MILLRACE_SIM_OBSERVED_PROCESS_LOG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/clock.h"
#include "bus/message.h"
#include "stages/durable_file.h"
#include "stages/tap.h"

namespace millrace::sim {

inline constexpr std::string_view kProcessLogHead = "millrace-history 1";

class ProcessLog final : public stages::Tap {
 public:
  static absl::StatusOr<std::unique_ptr<ProcessLog>> Open(const std::string& path, std::string_view process,
                                                          std::string_view stage, std::span<const std::string> topics,
                                                          std::function<void(const absl::Status&)> on_failure);

  void BeforeStep(stages::Instant now, const stages::Event& event) override;
  void OnStep(stages::Instant now, const stages::Event& event, const stages::Actions& actions, size_t first) override;
  // What the bus says of its own state.
  void Trouble(MonotonicTime now, const absl::Status& status);
  // What Instance::Run has returned; not called where an attempt never did.
  void End(MonotonicTime now, const absl::Status& result);

  const absl::Status& status() const { return status_; }

 private:
  class Writer;

  ProcessLog(std::unique_ptr<stages::FileLock> lock, std::unique_ptr<stages::AppendFile> file,
             std::function<void(const absl::Status&)> on_failure)
      : lock_(std::move(lock)), file_(std::move(file)), on_failure_(std::move(on_failure)) {}
  void Line(char kind, std::initializer_list<uint64_t> numbers);
  void Line(char kind, std::initializer_list<uint64_t> numbers, const bus::Message& message);
  void Write();

  const std::unique_ptr<stages::FileLock> lock_;
  const std::unique_ptr<stages::AppendFile> file_;
  const std::function<void(const absl::Status&)> on_failure_;
  int64_t now_ns_ = 0;
  std::string lines_;
  absl::Status status_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_OBSERVED_PROCESS_LOG_H_
