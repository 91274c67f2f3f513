// Files that must be on the disk when we say so: errors of the machine as statuses, writes that are whole or reported,
// a lock against a second run.
//
// Threading: one object, one thread.
#ifndef MILLRACE_STAGES_DURABLE_FILE_H_
#define MILLRACE_STAGES_DURABLE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::stages {

// What a failed system call means: NotFound, PermissionDenied (also a read-only file system), ResourceExhausted (disk
// or quota full), InvalidArgument (not a file, a folder in the way), else Unavailable. `doing` says what was tried with
// what: "cannot open /data/journal".
absl::Status ErrnoStatus(int error, std::string_view doing);

// A file open for appending.
class AppendFile {
 public:
  // Makes the file where there is none (the folder must be there).
  static absl::StatusOr<std::unique_ptr<AppendFile>> Open(const std::string& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Appends all of `bytes`, or fails; then a part of it may lie at the end.
  absl::Status Write(std::string_view bytes);
  // Returns when everything written is on the disk. Blocking.
  absl::Status Sync();
  // Cuts the file to `size` bytes; writing goes on there.
  absl::Status Truncate(uint64_t size);

  const std::string& path() const { return path_; }

 private:
  AppendFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  const int fd_;
  const std::string path_;
};

// Replaces the file at `path` by `bytes`: after a crash there is the old or the new content, whole. Blocking.
absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes);

// Done where there is none.
absl::Status RemoveFile(const std::string& path);

// All of a file that is at most `bytes_max` long; InvalidArgument beyond it.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max);

// Keeps other processes (and other holders in this one) out as long as it lives; the system takes it back when the
// process ends in any way.
class FileLock {
 public:
  // Does not wait. FailedPrecondition names the process that holds it. The file stays behind: it is the lock's place,
  // not the lock.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_DURABLE_FILE_H_
