#include "ops/line_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace millrace::ops {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Where the last whole line of the file ends.
absl::StatusOr<uint64_t> EndOfLines(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return stages::ErrnoStatus(errno, "cannot read " + path);
  off_t end = lseek(file.get(), 0, SEEK_END);
  std::string chunk(64 << 10, '\0');
  while (end > 0) {
    const size_t want = std::min<size_t>(chunk.size(), static_cast<size_t>(end));
    const ssize_t got = pread(file.get(), chunk.data(), want, end - static_cast<off_t>(want));
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(want)) return stages::ErrnoStatus(got < 0 ? errno : EIO, "cannot read " + path);
    const size_t at = std::string_view(chunk).substr(0, want).rfind('\n');
    if (at != std::string_view::npos) return static_cast<uint64_t>(end) - want + at + 1;
    end -= static_cast<off_t>(want);
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LineFile>> LineFile::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<stages::AppendFile>> file = stages::AppendFile::Open(path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> end = EndOfLines(path);
  if (!end.ok()) return end.status();
  if (absl::Status cut = (*file)->Truncate(*end); !cut.ok()) return cut;
  return std::unique_ptr<LineFile>(new LineFile(*std::move(file)));
}

void LineFile::Append(std::string_view line) {
  buffer_.append(line).push_back('\n');
  unsynced_ = true;
  if (buffer_.size() >= kBufferBytes) Flush().IgnoreError();  // it comes again
}

absl::Status LineFile::Flush() {
  if (status_.ok() && !buffer_.empty()) status_ = file_->Write(buffer_);
  buffer_.clear();
  return status_;
}

absl::Status LineFile::Sync() {
  Flush().IgnoreError();
  if (status_.ok() && unsynced_) status_ = file_->Sync();
  unsynced_ = false;
  return status_;
}

absl::Status ReadLines(const std::string& path, const std::function<absl::Status(std::string_view)>& callback) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return absl::OkStatus();
  if (file.get() < 0) return stages::ErrnoStatus(errno, "cannot read " + path);
  std::string buffer;
  size_t searched = 0;  // bytes at the start of the buffer that hold no line feed
  while (true) {
    const size_t have = buffer.size();
    buffer.resize(have + kBufferBytes);
    const ssize_t got = read(file.get(), buffer.data() + have, kBufferBytes);
    buffer.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return stages::ErrnoStatus(errno, "cannot read " + path);
    if (got == 0) return absl::OkStatus();
    size_t start = 0;
    for (size_t end = buffer.find('\n', searched); end != std::string::npos; end = buffer.find('\n', start)) {
      if (absl::Status status = callback(std::string_view(buffer).substr(start, end - start)); !status.ok())
        return status;
      start = end + 1;
    }
    buffer.erase(0, start);
    searched = buffer.size();
  }
}

}  // namespace millrace::ops
