// Bytes on their way out: grows, is written from the front, and is not zeroed when it grows. And the big-endian numbers
// of AMQP.
//
//   ByteBuffer out;
//   char* at = out.Reserve(11);     // at least so many bytes behind what is there
//   at = Put16(at, 60);
//   out.CommitTo(at);
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_RABBITMQ_BYTE_BUFFER_H_
#define MILLRACE_BUS_RABBITMQ_BYTE_BUFFER_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace millrace::bus {

static_assert(std::endian::native == std::endian::little, "the conversions below swap bytes");

inline char* Put8(char* at, uint8_t v) {
  *at = static_cast<char>(v);
  return at + 1;
}
inline char* Put16(char* at, uint16_t v) {
  v = __builtin_bswap16(v);
  std::memcpy(at, &v, sizeof(v));
  return at + sizeof(v);
}
inline char* Put32(char* at, uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(at, &v, sizeof(v));
  return at + sizeof(v);
}
inline char* Put64(char* at, uint64_t v) {
  v = __builtin_bswap64(v);
  std::memcpy(at, &v, sizeof(v));
  return at + sizeof(v);
}
inline char* PutBytes(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}
// The same for what is short most of the time: a call costs more than moving a few bytes. Of one piece, or of two that
// overlap.
inline char* PutFew(char* at, const char* from, size_t size) {
  if (size > 32) {
    std::memcpy(at, from, size);
  } else if (size >= 16) {
    std::memcpy(at, from, 16);
    std::memcpy(at + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(at, from, 8);
    std::memcpy(at + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(at, from, 4);
    std::memcpy(at + size - 4, from + size - 4, 4);
  } else if (size > 0) {
    at[0] = from[0];
    at[size / 2] = from[size / 2];
    at[size - 1] = from[size - 1];
  }
  return at + size;
}
inline char* PutFew(char* at, std::string_view bytes) { return PutFew(at, bytes.data(), bytes.size()); }
// Whether `size` bytes are the same, few of them as above.
inline bool SameFew(const char* a, const char* b, size_t size) {
  if (size > 16) return std::memcmp(a, b, size) == 0;
  if (size >= 8) {
    uint64_t left[2], right[2];
    std::memcpy(&left[0], a, 8);
    std::memcpy(&left[1], a + size - 8, 8);
    std::memcpy(&right[0], b, 8);
    std::memcpy(&right[1], b + size - 8, 8);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
  }
  if (size >= 4) {
    uint32_t left[2], right[2];
    std::memcpy(&left[0], a, 4);
    std::memcpy(&left[1], a + size - 4, 4);
    std::memcpy(&right[0], b, 4);
    std::memcpy(&right[1], b + size - 4, 4);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
  }
  return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}
// A length of one byte, then the bytes: at most 255 of them.
[[gnu::always_inline]] inline char* PutShortString(char* at, std::string_view text) {
  text = text.substr(0, 255);
  return PutFew(Put8(at, static_cast<uint8_t>(text.size())), text);
}
inline uint16_t Get16(const char* at) {
  uint16_t v;
  std::memcpy(&v, at, sizeof(v));
  return __builtin_bswap16(v);
}
inline uint32_t Get32(const char* at) {
  uint32_t v;
  std::memcpy(&v, at, sizeof(v));
  return __builtin_bswap32(v);
}
inline uint64_t Get64(const char* at) {
  uint64_t v;
  std::memcpy(&v, at, sizeof(v));
  return __builtin_bswap64(v);
}

class ByteBuffer {
 public:
  std::string_view View() const { return {bytes_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  // Room for `count` bytes behind what is there; valid until the next call.
  char* Reserve(size_t count) {
    if (capacity_ - end_ < count) Grow(count);
    return bytes_.get() + end_;
  }
  // What was written from Reserve's place up to `at` belongs to the buffer now.
  void CommitTo(const char* at) { end_ = static_cast<size_t>(at - bytes_.get()); }
  void Append(std::string_view bytes) { CommitTo(PutBytes(Reserve(bytes.size()), bytes)); }
  // Where `offset` bytes behind the front lie; valid until the next Reserve.
  char* At(size_t offset) { return bytes_.get() + begin_ + offset; }
  void RemovePrefix(size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void Clear() { begin_ = end_ = 0; }

 private:
  [[gnu::noinline]] void Grow(size_t count) {
    const size_t used = size();
    if (used + count <= capacity_ && begin_ >= used) {
      std::memcpy(bytes_.get(), bytes_.get() + begin_, used);
    } else {
      const size_t capacity = std::max<size_t>({4096, 2 * capacity_, used + count});
      std::unique_ptr<char[]> bytes(new char[capacity]);
      if (used > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, used);
      bytes_ = std::move(bytes);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_BYTE_BUFFER_H_
