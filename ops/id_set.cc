#include "ops/id_set.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bus/digest.h"
#include "stages/durable_file.h"

namespace millrace::ops {
namespace {

constexpr size_t kDigestBytes = 16;

// Big-endian, so that the order of bytes is the order of numbers.
std::array<char, kDigestBytes> Key(std::string_view id) {
  const bus::Digest128 digest = bus::DigestOf(id);
  std::array<char, kDigestBytes> key;
  const auto put = [&](uint64_t value, size_t at) {
    if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
    std::memcpy(key.data() + at, &value, sizeof(value));
  };
  put(digest.high, 0);
  put(digest.low, 8);
  return key;
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& folder) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return stages::ErrnoStatus(errno, "cannot write a temporary file in " + folder);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

class IdSet::Mapping {
 public:
  Mapping(void* address, size_t bytes) : address_(address), bytes_(bytes) {}
  ~Mapping() { munmap(address_, bytes_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

 private:
  void* const address_;
  const size_t bytes_;
};

bool IdSet::Contains(std::string_view id) const {
  const std::array<char, kDigestBytes> key = Key(id);
  uint64_t first = 0, last = size_;
  while (first < last) {
    const uint64_t middle = first + (last - first) / 2;
    const int order = std::memcmp(digests_ + middle * kDigestBytes, key.data(), kDigestBytes);
    if (order == 0) return true;
    if (order < 0) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return false;
}

absl::Status IdSet::Builder::Add(std::string_view id) {
  const std::array<char, kDigestBytes> key = Key(id);
  return sorter_.Add(std::string_view(key.data(), key.size()));
}

absl::StatusOr<IdSet> IdSet::Builder::Build() {
  std::string path = folder_ + "/ids.XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return stages::ErrnoStatus(errno, "cannot make a temporary file in " + folder_);
  unlink(path.c_str());
  std::string buffer;
  std::string last;
  uint64_t count = 0;
  absl::Status written;
  absl::Status sorted = sorter_.ForEach([&](std::string_view key) {
    if (!written.ok() || key == last) return;
    last.assign(key);
    ++count;
    buffer.append(key);
    if (buffer.size() < (1 << 20)) return;
    written = WriteAll(fd, buffer, folder_);
    buffer.clear();
  });
  written.Update(sorted);
  if (written.ok()) written = WriteAll(fd, buffer, folder_);
  IdSet set;
  if (written.ok() && count > 0) {
    void* address = mmap(nullptr, count * kDigestBytes, PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
      written = stages::ErrnoStatus(errno, "cannot map a temporary file in " + folder_);
    } else {
      set.mapping_ = std::make_shared<const Mapping>(address, count * kDigestBytes);
      set.digests_ = static_cast<const char*>(address);
      set.size_ = count;
    }
  }
  close(fd);
  if (!written.ok()) return written;
  return set;
}

}  // namespace millrace::ops
