#include "stages/property/feed_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "bus/digest.h"
#include "stages/durable_file.h"

namespace millrace::property {
namespace {

constexpr size_t kChunkBytes = 256 << 10;
constexpr size_t kIdentityBytes = 64 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<FileBytes>> FileBytes::Open(const std::string& path) {
  // Not blocking, so that a named pipe is refused below instead of being waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return stages::ErrnoStatus(errno, absl::StrCat("cannot open the input ", path));
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(absl::StrCat("cannot read the input ", path, ": it is not a file"));
  }
  return std::unique_ptr<FileBytes>(new FileBytes(fd, path, static_cast<uint64_t>(info.st_size)));
}

FileBytes::~FileBytes() { close(fd_); }

absl::StatusOr<std::string_view> FileBytes::View(uint64_t offset, size_t want) {
  want = static_cast<size_t>(std::min<uint64_t>(want, size_ - offset));
  if (offset < start_ || offset > start_ + held_) {
    start_ = offset;
    held_ = 0;
  }
  size_t skip = static_cast<size_t>(offset - start_);
  if (held_ - skip < want) {
    std::memmove(buffer_.data(), buffer_.data() + skip, held_ - skip);
    held_ -= skip;
    start_ = offset;
    skip = 0;
    const size_t target = static_cast<size_t>(std::min<uint64_t>(std::max(want, kChunkBytes), size_ - offset));
    if (buffer_.size() < target) buffer_.resize(target);
    while (held_ < target) {
      const ssize_t got = pread(fd_, buffer_.data() + held_, target - held_, static_cast<off_t>(start_ + held_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return stages::ErrnoStatus(errno, absl::StrCat("cannot read the input ", path_));
      if (got == 0) {
        return absl::InvalidArgumentError(absl::StrCat("the input ", path_,
                                                       " became shorter while it was read: it had ", size_,
                                                       " bytes, and ends at ", start_ + held_, " now"));
      }
      held_ += static_cast<size_t>(got);
    }
  }
  return std::string_view(buffer_).substr(skip, held_ - skip);
}

absl::StatusOr<std::string> FileBytes::Identity() {
  absl::StatusOr<std::string_view> head = View(0, kIdentityBytes);
  if (!head.ok()) return head.status();
  char hex[16];
  bus::WriteHex(bus::Digest64(head->substr(0, kIdentityBytes)), hex);
  return absl::StrCat(size_, ".", absl::string_view(hex, sizeof hex));
}

std::string BaseName(std::string_view path) {
  const size_t slash = path.find_last_of('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace millrace::property
