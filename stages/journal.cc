#include "stages/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "bus/check.h"
#include "bus/digest.h"

namespace millrace::stages {
namespace {

constexpr std::string_view kMagic = "MRJRNL1\n";
constexpr size_t kHeadBytes = 8;
constexpr size_t kChunkBytes = 1 << 18;

uint32_t DigestOfId(std::string_view id) { return static_cast<uint32_t>(bus::Digest64(id, id.size())); }

void AppendNumber(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

uint32_t LoadNumber(const char* at) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  return value;
}

// Consumes the whole records at the front of `bytes`. False: what follows can't be a record, however much more comes.
bool ConsumeRecords(std::string_view* bytes, JournalExtent* extent,
                    const std::function<void(std::string_view)>& callback) {
  while (bytes->size() >= kHeadBytes) {
    const uint32_t length = LoadNumber(bytes->data());
    if (length > Journal::kIdBytesMax) return false;
    if (bytes->size() < kHeadBytes + length) return true;
    const std::string_view id = bytes->substr(kHeadBytes, length);
    if (LoadNumber(bytes->data() + 4) != DigestOfId(id)) return false;
    callback(id);
    bytes->remove_prefix(kHeadBytes + length);
    extent->bytes += kHeadBytes + length;
    ++extent->records;
  }
  return true;
}

absl::Status ReadRecords(int fd, const std::string& path, const std::function<void(std::string_view)>& callback,
                         JournalExtent* extent) {
  std::string buffer;
  bool magic_seen = false, whole = true;
  uint64_t total = 0;
  while (true) {
    const size_t kept = buffer.size();
    buffer.resize(kept + kChunkBytes);
    ssize_t got;
    do {
      got = read(fd, buffer.data() + kept, kChunkBytes);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("cannot read the journal ", path));
    buffer.resize(kept + static_cast<size_t>(got));
    total += static_cast<uint64_t>(got);
    std::string_view rest = buffer;
    if (!magic_seen) {
      const std::string_view front = rest.substr(0, kMagic.size());
      if (front != kMagic.substr(0, front.size())) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, " is not a journal of this program: it begins with other bytes"));
      }
      if (rest.size() >= kMagic.size()) {
        magic_seen = true;
        rest.remove_prefix(kMagic.size());
        extent->bytes = kMagic.size();
      }
    }
    if (magic_seen && whole) whole = ConsumeRecords(&rest, extent, callback);
    if (got == 0) break;
    if (!whole) rest = {};  // only its length still counts
    buffer.erase(0, buffer.size() - rest.size());
  }
  extent->torn_bytes = total - extent->bytes;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JournalExtent> ReadJournal(const std::string& path,
                                          const std::function<void(std::string_view)>& callback) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open the journal ", path));
  JournalExtent extent;
  const absl::Status read = ReadRecords(fd, path, callback, &extent);
  close(fd);
  if (!read.ok()) return read;
  return extent;
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& path, uint64_t durable_bytes) {
  absl::StatusOr<std::unique_ptr<FileLock>> lock = FileLock::Take(path + ".lock");
  if (!lock.ok()) return lock.status();
  absl::StatusOr<std::unique_ptr<AppendFile>> file = AppendFile::Open(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<JournalExtent> extent = ReadJournal(path, [](std::string_view) {});
  if (!extent.ok()) return extent.status();
  if (extent->bytes < durable_bytes) {
    return absl::DataLossError(absl::StrCat("the journal ", path, " can be read up to byte ", extent->bytes, ", but ",
                                            durable_bytes,
                                            " were on the disk when its checkpoint was written: it was damaged or "
                                            "exchanged, and can't tell which jobs were "
                                            "accepted. It is left as it is; restore it, or use a new output folder"));
  }

  std::unique_ptr<Journal> journal(new Journal(std::move(*lock), std::move(*file)));
  journal->bytes_ = extent->bytes;
  journal->records_ = extent->records;
  journal->cut_bytes_ = extent->torn_bytes;
  if (extent->torn_bytes > 0) {
    if (absl::Status cut = journal->file_->Truncate(extent->bytes); !cut.ok()) return cut;
  }
  if (journal->bytes_ == 0) {
    if (absl::Status wrote = journal->file_->Write(kMagic); !wrote.ok()) return wrote;
    journal->bytes_ = kMagic.size();
  }
  journal->unsynced_ = true;
  return journal;
}

void Journal::Append(std::string_view id) {
  MR_CHECK(id.size() <= kIdBytesMax) << "an id of " << id.size() << " bytes";
  AppendNumber(static_cast<uint32_t>(id.size()), &buffer_);
  AppendNumber(DigestOfId(id), &buffer_);
  buffer_.append(id);
  ++buffered_records_;
}

absl::Status Journal::Flush() {
  if (!status_.ok() || buffer_.empty()) return status_;
  status_ = file_->Write(buffer_);
  if (!status_.ok()) return status_;
  bytes_ += buffer_.size();
  records_ += buffered_records_;
  buffer_.clear();
  buffered_records_ = 0;
  unsynced_ = true;
  return status_;
}

absl::Status Journal::Sync() {
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  if (!unsynced_) return absl::OkStatus();
  status_ = file_->Sync();
  if (status_.ok()) unsynced_ = false;
  return status_;
}

}  // namespace millrace::stages
