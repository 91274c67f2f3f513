#include "ops/record_sorter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <queue>
#include <utility>

#include "stages/durable_file.h"

namespace millrace::ops {
namespace {

constexpr size_t kMemoryBytesMax = size_t{1} << 31;  // offsets are 32 bits
constexpr size_t kReadBytesMin = 16 << 10;

uint64_t PrefixOf(std::string_view record) {
  uint64_t value = 0;
  std::memcpy(&value, record.data(), std::min<size_t>(record.size(), sizeof(value)));
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

}  // namespace

// Reads the records of one run, each behind its length, through a buffer of its own.
class RecordSorter::RunReader {
 public:
  RunReader(int fd, Run run, size_t buffer_bytes) : fd_(fd), run_(run), buffer_bytes_(buffer_bytes) {}

  // The next record becomes record(). False at the end of the run, or when reading failed (status()).
  bool Next() {
    uint32_t size = 0;
    if (!Fill(sizeof(size))) return false;
    std::memcpy(&size, buffer_.data() + at_, sizeof(size));
    at_ += sizeof(size);
    if (!Fill(size)) return false;
    record_ = std::string_view(buffer_).substr(at_, size);
    at_ += size;
    return true;
  }
  std::string_view record() const { return record_; }
  int error() const { return error_; }

 private:
  // Makes `need` bytes available at at_.
  bool Fill(size_t need) {
    if (buffer_.size() - at_ >= need) return true;
    buffer_.erase(0, at_);
    at_ = 0;
    // Exactly as much as was said, unless one record is longer: growing by doubling would take more.
    const size_t room = std::max(buffer_bytes_, need);
    buffer_.reserve(room);
    while (buffer_.size() < need) {
      const size_t have = buffer_.size();
      const size_t want = std::min<uint64_t>(run_.bytes, room - have);
      if (want == 0) return false;
      buffer_.resize(have + want);
      const ssize_t got = pread(fd_, buffer_.data() + have, want, static_cast<off_t>(run_.offset));
      buffer_.resize(have + std::max<ssize_t>(got, 0));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        error_ = got < 0 ? errno : EIO;
        return false;
      }
      run_.offset += static_cast<uint64_t>(got);
      run_.bytes -= static_cast<uint64_t>(got);
    }
    return true;
  }

  const int fd_;
  Run run_;
  const size_t buffer_bytes_;
  std::string buffer_;
  size_t at_ = 0;
  std::string_view record_;
  int error_ = 0;
};

RecordSorter::RecordSorter(std::string folder, size_t memory_bytes)
    : folder_(std::move(folder)), memory_bytes_(std::min(memory_bytes, kMemoryBytesMax)) {}

RecordSorter::~RecordSorter() {
  if (fd_ >= 0) close(fd_);
}

absl::Status RecordSorter::Add(std::string_view record) {
  if (!status_.ok()) return status_;
  if (!entries_.empty() && bytes_.size() + record.size() > memory_bytes_) status_ = WriteRun();
  // Exactly as much as was said, where doubling would take more.
  if (bytes_.size() + record.size() > bytes_.capacity() && 2 * bytes_.capacity() > memory_bytes_) {
    bytes_.reserve(std::max(memory_bytes_, bytes_.size() + record.size()));
  }
  entries_.push_back({PrefixOf(record), static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(record.size())});
  bytes_.append(record);
  return status_;
}

absl::Status RecordSorter::ForEach(const std::function<void(std::string_view)>& callback) {
  if (!status_.ok()) return status_;
  if (!runs_.empty()) {
    if (!entries_.empty()) status_ = WriteRun();
    if (status_.ok()) status_ = Merge(callback);
    return status_;
  }
  SortEntries();
  for (const Entry& entry : entries_) callback(std::string_view(bytes_).substr(entry.offset, entry.size));
  return status_;
}

void RecordSorter::SortEntries() {
  std::sort(entries_.begin(), entries_.end(), [this](const Entry& a, const Entry& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return std::string_view(bytes_.data() + a.offset, a.size) < std::string_view(bytes_.data() + b.offset, b.size);
  });
}

absl::Status RecordSorter::OpenFile() {
  std::string path = folder_ + "/sort.XXXXXX";
  fd_ = mkostemp(path.data(), O_CLOEXEC);
  if (fd_ < 0) return stages::ErrnoStatus(errno, "cannot make a temporary file in " + folder_);
  unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status RecordSorter::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(file_bytes_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return stages::ErrnoStatus(errno, "cannot write a temporary file in " + folder_);
    file_bytes_ += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status RecordSorter::WriteRun() {
  if (fd_ < 0) {
    if (absl::Status status = OpenFile(); !status.ok()) return status;
  }
  SortEntries();
  const uint64_t start = file_bytes_;
  std::string out;
  for (const Entry& entry : entries_) {
    out.append(reinterpret_cast<const char*>(&entry.size), sizeof(entry.size));
    out.append(bytes_, entry.offset, entry.size);
    if (out.size() < (1 << 20)) continue;
    if (absl::Status status = Append(out); !status.ok()) return status;
    out.clear();
  }
  if (absl::Status status = Append(out); !status.ok()) return status;
  runs_.push_back({start, file_bytes_ - start});
  entries_.clear();
  bytes_.clear();
  return absl::OkStatus();
}

absl::Status RecordSorter::Merge(const std::function<void(std::string_view)>& callback) {
  entries_ = {};
  bytes_ = {};
  const size_t buffer_bytes = std::max(kReadBytesMin, memory_bytes_ / runs_.size());
  std::vector<RunReader> readers;
  readers.reserve(runs_.size());
  for (const Run& run : runs_) readers.emplace_back(fd_, run, buffer_bytes);
  struct Head {
    uint64_t prefix;
    RunReader* reader;
  };
  const auto later = [](const Head& a, const Head& b) {
    return a.prefix != b.prefix ? a.prefix > b.prefix : a.reader->record() > b.reader->record();
  };
  std::priority_queue<Head, std::vector<Head>, decltype(later)> heads(later);
  for (RunReader& reader : readers) {
    if (reader.Next()) heads.push({PrefixOf(reader.record()), &reader});
  }
  while (!heads.empty()) {
    RunReader* reader = heads.top().reader;
    callback(reader->record());
    heads.pop();
    if (reader->Next()) heads.push({PrefixOf(reader->record()), reader});
  }
  for (const RunReader& reader : readers) {
    if (reader.error() != 0) return stages::ErrnoStatus(reader.error(), "cannot read a temporary file in " + folder_);
  }
  return absl::OkStatus();
}

}  // namespace millrace::ops
