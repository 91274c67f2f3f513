#include "bus/rabbitmq/content_writer.h"

#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "bus/rabbitmq/content_names.h"

namespace millrace::bus {

using namespace content;

namespace {

constexpr size_t kNameMax = 255;
constexpr size_t kFixedBytes = 256;  // all fields and properties that have a bounded size
constexpr size_t kFrameBytes = 20;   // of a content header frame, besides its properties
constexpr uint8_t kPersistent = 2;

bool Reserved(std::string_view name) {
  if (name.empty()) return false;
  switch (name[0]) {
    case 'm':
      return name == kKey || name == kNull || name == kOrder || name == kBlock;
    case 't':
      return name == kTime;
    case 'x':
      return name == kDeliveryCount;
    default:
      return false;
  }
}

// Of so many headers at most; with more it is not told, and false.
template <size_t kMax>
bool FindLayout(Headers headers, ContentWriter::Layout& layout) {
  std::array<std::string_view, kMax> names;
  bool ascending = true;
  for (const Header header : headers) {
    if (layout.count == kMax) return false;
    if (header.name.size() > kNameMax || Reserved(header.name)) {
      layout.kind = ContentWriter::Layout::Kind::kBlock;
      return true;
    }
    ascending = ascending && (layout.count == 0 || names[layout.count - 1] < header.name);
    names[layout.count++] = header.name;
  }
  if (ascending) return true;
  std::array<uint8_t, kMax> sorted;
  SortPlaces(
      layout.count, [&](size_t place) { return names[place]; }, sorted.data());
  for (size_t i = 0; i < layout.count; ++i) {
    if (i > 0 && names[sorted[i]] == names[sorted[i - 1]]) {
      layout.kind = ContentWriter::Layout::Kind::kBlock;
      return true;
    }
    layout.order[sorted[i]] = static_cast<uint8_t>(i);
  }
  layout.kind = ContentWriter::Layout::Kind::kOrdered;
  return true;
}

// Most messages have few headers, and clearing the names of many costs more than all the rest.
void FindLayout(Headers headers, ContentWriter::Layout& layout) {
  if (FindLayout<kFew>(headers, layout)) return;
  layout.count = 0;
  if (!FindLayout<ContentWriter::kOrderMax>(headers, layout)) layout.kind = ContentWriter::Layout::Kind::kBlock;
}

char* PutField(char* at, std::string_view name, char kind, std::string_view value) {
  at = Put8(PutShortString(at, name), static_cast<uint8_t>(kind));
  return PutBytes(Put32(at, static_cast<uint32_t>(value.size())), value);
}

char* PutShortNumber(char* at, uint64_t number) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
  static_cast<void>(error);
  return PutShortString(at, {digits, static_cast<size_t>(end - digits)});
}

}  // namespace

// Each header takes two bytes less in a table than in a block, but for the byte of its place.
size_t PropertiesBytesMax(const Message& message) {
  return kFixedBytes + ContentWriter::kOrderMax + message.headers.block().size() +
         (message.key ? message.key->size() : 0);
}

size_t HeadersBytesMax(uint32_t frame_max) { return frame_max - kFrameBytes - kFixedBytes - ContentWriter::kOrderMax; }

// What names look like in front of their values: a length, the name, a kind.
void ContentWriter::Remember(Headers headers) {
  heads_.clear();
  known_.clear();
  if (layout_.kind == Layout::Kind::kBlock || layout_.count > kFew) return;
  for (const Header header : headers) {
    known_.push_back({static_cast<uint32_t>(heads_.size()), static_cast<uint32_t>(header.name.size())});
    heads_ += static_cast<char>(header.name.size());
    heads_ += header.name;
    heads_ += 'S';
  }
}

// The headers of a stage's outputs have the same names one after the other, whose heads and order are known then. nullptr
// where these have others; what was written is not meant.
char* ContentWriter::PutKnown(char* at, Headers headers) const {
  size_t next = 0;
  for (const Header header : headers) {
    if (next == known_.size()) return nullptr;
    const Known known = known_[next++];
    const char* const head = heads_.data() + known.at;
    if (header.name.size() != known.size || std::memcmp(header.name.data(), head + 1, known.size) != 0) return nullptr;
    at = PutBytes(at, {head, known.size + 2});
    if (header.value) {
      at = PutBytes(Put32(at, static_cast<uint32_t>(header.value->size())), *header.value);
    } else {
      at[-1] = 'V';
    }
  }
  return next == known_.size() ? at : nullptr;
}

char* ContentWriter::PutAnew(char* at, Headers headers) {
  layout_ = Layout();
  FindLayout(headers, layout_);
  Remember(headers);
  if (layout_.kind == Layout::Kind::kBlock) return PutField(at, kBlock, 'x', headers.block());
  for (const Header header : headers) {
    if (header.value) {
      at = PutField(at, header.name, 'S', *header.value);
    } else {
      at = Put8(PutShortString(at, header.name), 'V');
    }
  }
  return at;
}

char* ContentWriter::PutHeaders(char* at, const Message& message) {
  char* const length = at;
  at += 4;
  if (message.key) at = PutField(at, kKey, 'x', *message.key);
  if (!message.body) at = Put8(Put8(PutShortString(at, kNull), 't'), 1);
  if (!message.headers.empty()) {
    char* const known = known_.empty() ? nullptr : PutKnown(at, message.headers);
    at = known != nullptr ? known : PutAnew(at, message.headers);
    if (layout_.kind == Layout::Kind::kOrdered)
      at = PutField(at, kOrder, 'x', {reinterpret_cast<const char*>(layout_.order.data()), layout_.count});
  }
  if (message.timestamp_ms != 0) {
    at = Put64(Put8(PutShortString(at, kTime), 'l'), static_cast<uint64_t>(message.timestamp_ms));
  }
  Put32(length, static_cast<uint32_t>(at - length - 4));
  return at;
}

void ContentWriter::AppendProperties(const Message& message, uint64_t message_id, ByteBuffer& out) {
  char* at = out.Reserve(PropertiesBytesMax(message));
  const bool timed = message.timestamp_ms >= 1000;
  at = Put16(at, static_cast<uint16_t>(1u << kHeaders | 1u << kDeliveryMode | 1u << kMessageId |
                                       (timed ? 1u << kTimestamp : 0u) | 1u << kAppId));
  at = PutHeaders(at, message);
  at = Put8(at, kPersistent);
  at = PutShortNumber(at, message_id);
  if (timed) at = Put64(at, static_cast<uint64_t>(message.timestamp_ms) / 1000);
  out.CommitTo(PutShortString(at, kOurs));
}

}  // namespace millrace::bus
