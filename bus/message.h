// A message: key, body, headers, time. A view: the bytes belong to a segment, a builder or the caller, and whoever
// keeps the view keeps them.
//
//   HeaderBuilder headers;
//   headers.Add("ce_id", "42").Add("note", std::nullopt).Add("ce_id", "again");   // order and duplicates survive;
//   nullopt is a null value Message m{.key = "98178", .body = bytes, .headers = headers.View(), .timestamp_ms =
//   1700000000000};
//
// Bodies, keys and header values are bytes of any kind; nothing here assumes UTF-8. A null key (no order) and a null
// body (tombstone) differ from empty ones, as in Kafka's record format v2.
//
// Threading: values; distinct objects on any thread.
#ifndef MILLRACE_BUS_MESSAGE_H_
#define MILLRACE_BUS_MESSAGE_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::bus {

class Segment;

struct Header {
  std::string_view name;
  std::optional<std::string_view> value;  // nullopt: a null value
  bool operator==(const Header&) const = default;
};

// Ordered headers over one block of bytes: for each header two little-endian uint32 (length of the name; length of the
// value plus one, 0 for a null value), then the name, then the value. Only blocks made by HeaderBuilder, or checked by
// Valid(), may be viewed.
class Headers {
 public:
  class Iterator {
   public:
    explicit Iterator(const char* at) : at_(at) {}
    Header operator*() const {
      const uint32_t name = Load(at_), value = Load(at_ + 4);
      Header h{{at_ + 8, name}, std::nullopt};
      if (value != 0) h.value = std::string_view(at_ + 8 + name, value - 1);
      return h;
    }
    Iterator& operator++() {
      const uint32_t name = Load(at_), value = Load(at_ + 4);
      at_ += 8 + name + (value == 0 ? 0 : value - 1);
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const char* at_;
  };

  Headers() = default;
  explicit Headers(std::string_view block) : block_(block) {}

  Iterator begin() const { return Iterator(block_.data()); }
  Iterator end() const { return Iterator(block_.data() + block_.size()); }
  bool empty() const { return block_.empty(); }
  std::string_view block() const { return block_; }

  // The first header of that name with a value; nullopt where there is none.
  std::optional<std::string_view> Find(std::string_view name) const {
    for (Header h : *this) {
      if (h.name == name && h.value.has_value()) return h.value;
    }
    return std::nullopt;
  }

  // Whether `block` is a well-formed block: for bytes that come from a file or another process.
  static bool Valid(std::string_view block);

 private:
  static uint32_t Load(const char* p) {
    uint32_t v;
    std::memcpy(&v, p, 4);
    return v;
  }
  std::string_view block_;
};

// Appends headers to a string it owns, or to one of the caller's (to reuse its memory).
class HeaderBuilder {
 public:
  HeaderBuilder() : out_(&own_) {}
  explicit HeaderBuilder(std::string* out) : out_(out) {}
  HeaderBuilder(const HeaderBuilder&) = delete;
  HeaderBuilder& operator=(const HeaderBuilder&) = delete;

  HeaderBuilder& Add(std::string_view name, std::optional<std::string_view> value);
  HeaderBuilder& AddAll(Headers headers) {
    out_->append(headers.block());
    return *this;
  }
  // One header as it lies in a block: how long it is, and written at `at`, of which the end is returned.
  static size_t BytesOf(std::string_view name, std::optional<std::string_view> value) {
    return 8 + name.size() + (value.has_value() ? value->size() : 0);
  }
  static char* Write(std::string_view name, std::optional<std::string_view> value, char* at) {
    const uint32_t lengths[2] = {static_cast<uint32_t>(name.size()),
                                 value.has_value() ? static_cast<uint32_t>(value->size() + 1) : 0};
    std::memcpy(at, lengths, sizeof(lengths));
    at += sizeof(lengths);
    std::memcpy(at, name.data(), name.size());
    at += name.size();
    if (!value.has_value() || value->empty()) return at;
    std::memcpy(at, value->data(), value->size());
    return at + value->size();
  }
  // Room for `bytes` more, to be filled by the caller with headers so written.
  char* Extend(size_t bytes) {
    out_->resize(out_->size() + bytes);
    return out_->data() + out_->size() - bytes;
  }
  void Clear() { out_->clear(); }
  // Valid until the next Add or Clear.
  Headers View() const { return Headers(*out_); }

 private:
  std::string own_;
  std::string* out_;
};

struct Message {
  std::optional<std::string_view> key;   // nullopt: no key, no order promised
  std::optional<std::string_view> body;  // nullopt: a tombstone
  Headers headers;
  int64_t timestamp_ms = 0;  // since 1970-01-01T00:00:00Z, set by the producer; 0: unknown

  // Key, body and headers together: what windows and limits count.
  size_t Bytes() const { return (key ? key->size() : 0) + (body ? body->size() : 0) + headers.block().size(); }
};

// Copies the bytes of `message` into `segment` and returns the view over the copy; nullopt where there is no room for
// its Bytes().
std::optional<Message> CopyInto(Segment& segment, const Message& message);

// Same key, body, headers (order included) and timestamp.
bool SameContent(const Message& a, const Message& b);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MESSAGE_H_
