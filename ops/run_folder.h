// The folder that a run writes to: held by one run at a time, and knowing how the run before it ended.
//
//   absl::StatusOr<std::unique_ptr<RunFolder>> folder = RunFolder::Open("./out", "orders");
//   if ((*folder)->previous() == RunFolder::Previous::kKilled) …
//   (*folder)->Begin();                 // from here on, until End, the run counts as killed
//   …
//   (*folder)->End();
//
// Files: run.lock, run.state; and what the parts of a run keep under names from here.
//
// Errors      FailedPrecondition: another run holds the folder, or it belongs to another pipeline. PermissionDenied,
// ResourceExhausted, NotFound,
//             InvalidArgument: it cannot be written to. Each names the folder and what to do.
// Threading   one thread.
#ifndef MILLRACE_OPS_RUN_FOLDER_H_
#define MILLRACE_OPS_RUN_FOLDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/durable_file.h"

namespace millrace::ops {

class RunFolder {
 public:
  enum class Previous {
    kNone,     // nothing ran here before
    kStopped,  // the last run ended as it should
    kKilled,   // it did not: what was only in its memory is gone
  };

  static absl::StatusOr<std::unique_ptr<RunFolder>> Open(const std::string& path, const std::string& pipeline);

  Previous previous() const { return previous_; }
  absl::Status Begin() { return Mark("running"); }
  absl::Status End() { return Mark("stopped"); }

  const std::string& path() const { return path_; }
  std::string dead_letters() const { return path_ + "/dead_letters.jsonl"; }
  std::string destroyed() const { return path_ + "/destroyed.jsonl"; }
  std::string receipts() const { return path_ + "/receipts.jsonl"; }
  // Where, below the folder, bodies go that are too large for their dead letter.
  static constexpr char kSpool[] = "/dead_letter_bodies";
  std::string bus_snapshot() const { return path_ + "/bus.snapshot"; }
  std::string journal(const std::string& source) const { return path_ + "/" + source + ".journal"; }
  std::string checkpoint(const std::string& source) const { return path_ + "/" + source + ".checkpoint"; }
  // While a source is fed again, because the bus was lost: how many records its journal had when that began.
  std::string refeed(const std::string& source) const { return path_ + "/" + source + ".refeed"; }
  absl::StatusOr<std::optional<uint64_t>> ReadRefeed(const std::string& source) const;
  absl::Status WriteRefeed(const std::string& source, uint64_t journal_records) const;
  absl::Status EndRefeed(const std::string& source) const;

 private:
  RunFolder(std::string path, std::string pipeline, std::unique_ptr<stages::FileLock> lock)
      : path_(std::move(path)), pipeline_(std::move(pipeline)), lock_(std::move(lock)) {}
  absl::Status ReadState();
  absl::Status Mark(const std::string& state);

  const std::string path_;
  const std::string pipeline_;
  const std::unique_ptr<stages::FileLock> lock_;
  Previous previous_ = Previous::kNone;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_RUN_FOLDER_H_
