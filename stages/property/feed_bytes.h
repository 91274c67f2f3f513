// The bytes of one input, seen through a window that moves forward: a file of any size in bounded memory, or text in
// memory.
//
// Threading: one object, one thread.
#ifndef MILLRACE_STAGES_PROPERTY_FEED_BYTES_H_
#define MILLRACE_STAGES_PROPERTY_FEED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::property {

class FeedBytes {
 public:
  virtual ~FeedBytes() = default;
  virtual uint64_t size() const = 0;
  // At least `want` bytes from `offset` on, fewer only where the input ends before. Valid until the next call. offset
  // <= size(). Errors: InvalidArgument when the input has become shorter, Unavailable when it can't be read now.
  virtual absl::StatusOr<std::string_view> View(uint64_t offset, size_t want) = 0;
};

class MemoryBytes final : public FeedBytes {
 public:
  // `bytes` live elsewhere.
  explicit MemoryBytes(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  absl::StatusOr<std::string_view> View(uint64_t offset, size_t) override { return bytes_.substr(offset); }

 private:
  std::string_view bytes_;
};

// A regular file. What is appended to it after Open is not seen.
class FileBytes final : public FeedBytes {
 public:
  // NotFound, PermissionDenied, InvalidArgument (a folder, not a regular file) name the file.
  static absl::StatusOr<std::unique_ptr<FileBytes>> Open(const std::string& path);
  ~FileBytes() override;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  uint64_t size() const override { return size_; }
  absl::StatusOr<std::string_view> View(uint64_t offset, size_t want) override;
  // "<size>.<digest of the first 64 KiB>": tells whether a checkpoint was made on this content.
  absl::StatusOr<std::string> Identity();
  const std::string& path() const { return path_; }

 private:
  FileBytes(int fd, std::string path, uint64_t size) : fd_(fd), path_(std::move(path)), size_(size) {}

  const int fd_;
  const std::string path_;
  const uint64_t size_;
  std::string buffer_;  // its first `held_` bytes are those of the file from `start_` on
  uint64_t start_ = 0;
  size_t held_ = 0;
};

// The last part of a path.
std::string BaseName(std::string_view path);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FEED_BYTES_H_
