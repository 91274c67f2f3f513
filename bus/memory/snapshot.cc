#include "bus/memory/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bus/digest.h"

namespace millrace::bus {
namespace {

constexpr std::string_view kMagic = "MRBUSNAP";
constexpr uint32_t kVersion = 1;
constexpr size_t kBlockBytes = 256 << 10;
constexpr size_t kBlockHead = 12;

template <class T>
void PutLittleEndian(T value, std::string& out) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
}

template <class T>
T GetLittleEndian(const char* at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
  return static_cast<T>(value);
}

absl::Status SystemError(const std::string& path, const char* what) {
  return absl::UnavailableError("saved bus \"" + path + "\": " + what + ": " + std::strerror(errno));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

// ---------------------------------------------------------------- writing

SnapshotWriter::SnapshotWriter(std::string path) : path_(std::move(path)), temporary_(path_ + ".part") {
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file_ < 0) {
    Fail("cannot be made");
    return;
  }
  std::string head(kMagic);
  PutLittleEndian(kVersion, head);
  WriteAll(head);
}

SnapshotWriter::~SnapshotWriter() {
  if (file_ >= 0) ::close(file_);
  if (!finished_ && file_ >= 0) ::unlink(temporary_.c_str());
}

void SnapshotWriter::Fail(const char* what) {
  if (status_.ok()) status_ = SystemError(temporary_, what);
}

void SnapshotWriter::WriteAll(std::string_view bytes) {
  while (!bytes.empty() && status_.ok()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Fail("cannot be written");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void SnapshotWriter::Put(std::string_view bytes) {
  if (!status_.ok()) return;
  while (!bytes.empty()) {
    const size_t part = std::min(bytes.size(), kBlockBytes - buffer_.size());
    buffer_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    if (buffer_.size() == kBlockBytes) Flush(false);
  }
}

void SnapshotWriter::Flush(bool last) {
  if (buffer_.empty() && !last) return;
  std::string head;
  PutLittleEndian(static_cast<uint32_t>(buffer_.size()), head);
  PutLittleEndian(Digest64(buffer_, block_++), head);
  WriteAll(head);
  WriteAll(buffer_);
  buffer_.clear();
}

void SnapshotWriter::Number(uint64_t value) {
  std::string bytes;
  PutLittleEndian(value, bytes);
  Put(bytes);
}

void SnapshotWriter::Bytes(std::string_view bytes) {
  Number(bytes.size());
  Put(bytes);
}

void SnapshotWriter::MaybeBytes(const std::optional<std::string_view>& bytes) {
  Number(bytes.has_value() ? 1 : 0);
  if (bytes.has_value()) Bytes(*bytes);
}

void SnapshotWriter::Record(const Message& message) {
  MaybeBytes(message.key);
  MaybeBytes(message.body);
  Bytes(message.headers.block());
  Number(static_cast<uint64_t>(message.timestamp_ms));
}

absl::Status SnapshotWriter::Finish() {
  Flush(false);
  Flush(true);
  if (!status_.ok()) return status_;
  if (::fsync(file_) != 0) Fail("cannot be written to the disk");
  if (status_.ok() && ::rename(temporary_.c_str(), path_.c_str()) != 0) Fail("cannot take its place");
  if (!status_.ok()) return status_;
  finished_ = true;
  const int folder = ::open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || ::fsync(folder) != 0) Fail("its folder cannot be written to the disk");
  if (folder >= 0) ::close(folder);
  return status_;
}

// ---------------------------------------------------------------- reading

SnapshotReader::SnapshotReader(std::string path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) {
    status_ = errno == ENOENT ? absl::NotFoundError("saved bus \"" + path_ + "\": there is no such file")
                              : SystemError(path_, "cannot be read");
    return;
  }
  struct stat facts;
  if (::fstat(file_, &facts) != 0) {
    status_ = SystemError(path_, "cannot be read");
    return;
  }
  file_bytes_ = static_cast<uint64_t>(facts.st_size);
  char head[kMagic.size() + 4];
  const ssize_t got = ::read(file_, head, sizeof(head));
  read_ = sizeof(head);
  if (got != static_cast<ssize_t>(sizeof(head)) || std::string_view(head, kMagic.size()) != kMagic) {
    status_ = absl::DataLossError("saved bus \"" + path_ + "\": this is not a saved bus, or its beginning is damaged");
    return;
  }
  const uint32_t version = GetLittleEndian<uint32_t>(head + kMagic.size());
  if (version != kVersion) {
    status_ = absl::FailedPreconditionError("saved bus \"" + path_ + "\": it has format version " +
                                            std::to_string(version) + ", this program reads version " +
                                            std::to_string(kVersion) + ": use the program that wrote it");
  }
}

SnapshotReader::~SnapshotReader() {
  if (file_ >= 0) ::close(file_);
}

void SnapshotReader::Damaged(const std::string& what) {
  if (!status_.ok()) return;
  status_ = absl::DataLossError("saved bus \"" + path_ + "\" is damaged before byte " + std::to_string(read_) + ": " +
                                what + "; restore the file from a copy, or start without it and feed again");
}

bool SnapshotReader::NextBlock() {
  if (!ok() || ended_) return false;
  const auto read_all = [&](char* into, size_t size) {
    while (size > 0) {
      const ssize_t got = ::read(file_, into, size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) status_ = SystemError(path_, "cannot be read");
      if (got <= 0) return false;
      into += got;
      size -= static_cast<size_t>(got);
      read_ += static_cast<uint64_t>(got);
    }
    return true;
  };
  char head[kBlockHead];
  if (!read_all(head, sizeof(head))) {
    Damaged("it ends in the middle");
    return false;
  }
  const uint32_t size = GetLittleEndian<uint32_t>(head);
  if (size > kBlockBytes) {
    Damaged("a block of impossible length");
    return false;
  }
  buffer_.resize(size);
  at_ = 0;
  if (!read_all(buffer_.data(), size)) {
    Damaged("it ends in the middle");
    return false;
  }
  if (Digest64(buffer_, block_++) != GetLittleEndian<uint64_t>(head + 4)) {
    Damaged("a block does not have the digest that it was written with");
    return false;
  }
  ended_ = size == 0;
  return !ended_;
}

bool SnapshotReader::Get(char* into, size_t size) {
  while (size > 0) {
    if (at_ == buffer_.size() && !NextBlock()) {
      Damaged("it says less than it should");
      return false;
    }
    const size_t part = std::min(size, buffer_.size() - at_);
    std::memcpy(into, buffer_.data() + at_, part);
    at_ += part;
    into += part;
    size -= part;
  }
  return true;
}

uint64_t SnapshotReader::Number() {
  char bytes[8];
  return ok() && Get(bytes, sizeof(bytes)) ? GetLittleEndian<uint64_t>(bytes) : 0;
}

uint64_t SnapshotReader::Number(uint64_t most) {
  const uint64_t value = Number();
  if (value <= most) return value;
  Damaged("a number is out of its range");
  return 0;
}

std::string SnapshotReader::Bytes() {
  // Nothing in it is longer than the whole.
  std::string bytes(Number(file_bytes_), '\0');
  if (!ok() || !Get(bytes.data(), bytes.size())) bytes.clear();
  return bytes;
}

Message SnapshotReader::Record() {
  Message message;
  const bool has_key = Number(1) != 0;
  if (has_key) key_ = Bytes();
  const bool has_body = Number(1) != 0;
  if (has_body) body_ = Bytes();
  headers_ = Bytes();
  message.timestamp_ms = static_cast<int64_t>(Number());
  if (!Headers::Valid(headers_)) Damaged("headers that are none");
  if (!ok()) return {};
  if (has_key) message.key = key_;
  if (has_body) message.body = body_;
  message.headers = Headers(headers_);
  return message;
}

void SnapshotReader::ExpectEnd() {
  if (!ok()) return;
  if (at_ != buffer_.size() || NextBlock() || (ok() && read_ != file_bytes_)) Damaged("it says more than it should");
}

}  // namespace millrace::bus
