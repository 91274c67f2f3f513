// Writes down which records the embedded bus destroyed before a group had settled them, for the ledger: retention
// announces that something is gone, this says what.
//
//   DestroyedLog log(pipeline, folder.destroyed(), memory_bus);   // watches from here on
//   … run …
//   absl::Status written = log.Close();
//
// The file is one of outcomes (ops/outcomes.h), and is made with its first line.
//
// Blocking    on the file, under the bus's lock, when something is destroyed.
// Errors      those of the file system, kept until Close.
// Threading   made before anything is opened on the bus, closed after all has ended there.
// Ownership   pipeline and bus outlive it.
#ifndef MILLRACE_OPS_DESTROYED_LOG_H_
#define MILLRACE_OPS_DESTROYED_LOG_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bus/memory/memory_bus.h"
#include "ops/line_file.h"
#include "stages/settings.h"

namespace millrace::ops {

class DestroyedLog {
 public:
  DestroyedLog(const stages::ResolvedPipeline& pipeline, std::string path, bus::MemoryBus* bus);
  // Idempotent; nothing is watched afterwards.
  absl::Status Close();
  ~DestroyedLog() { Close().IgnoreError(); }
  DestroyedLog(const DestroyedLog&) = delete;
  DestroyedLog& operator=(const DestroyedLog&) = delete;

 private:
  void Write(std::string_view group, std::string_view topic, const bus::Resting& record);

  const stages::ResolvedPipeline& pipeline_;
  const std::string path_;
  bus::MemoryBus* bus_;
  std::unique_ptr<LineFile> file_;
  absl::Status status_;
  std::string line_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_DESTROYED_LOG_H_
