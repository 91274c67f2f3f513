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
constexpr size_t kFrameBytes = 20;  // of a content header frame, besides its properties
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

// Of a field whose name and kind are constant: both are written at once.
template <size_t kSize>
char* PutHead(char* at, const char (&head)[kSize]) {
  std::memcpy(at, head, kSize - 1);
  return at + kSize - 1;
}

}  // namespace

size_t HeadersBytesMax(uint32_t frame_max) {
  return frame_max - kFrameBytes - ContentWriter::kFixedBytes - ContentWriter::kOrderMax;
}

void ContentWriter::Head::Set(std::string_view name) {
  bytes = {};
  PutShortString(bytes.data(), name);
  name_size = static_cast<uint32_t>(name.size());
  char block[8 + kHeadBytes];
  at_first = name_size > 8 ? 8 : 0;
  HeaderBuilder::Write(name, std::nullopt, block);
  std::memcpy(&lengths, block, 8);
  Adapt(lengths);
}

bool ContentWriter::Head::Adapt(uint64_t to) {
  if (static_cast<uint32_t>(to) != name_size) return false;
  lengths = to;
  const auto value = static_cast<uint32_t>(to >> 32);
  value_size = value == 0 ? 0 : value - 1;
  char* at = bytes.data() + 1 + name_size;
  at = value == 0 ? Put8(at, 'V') : Put32(Put8(at, 'S'), value_size);
  size = static_cast<uint32_t>(at - bytes.data());
  char block[8 + kHeadBytes];
  std::memcpy(block, &lengths, 8);
  std::memcpy(block + 8, bytes.data() + 1, name_size);
  std::memcpy(&first, block + at_first, 8);
  std::memcpy(&last, block + name_size, 8);
  return true;
}

void ContentWriter::Remember(Headers headers) {
  known_ = 0;
  if (layout_.kind == Layout::Kind::kBlock || layout_.count > kFew) return;
  size_t count = 0;
  for (const Header header : headers) {
    if (header.name.size() + 6 > kHeadBytes) return;
    heads_[count++].Set(header.name);
  }
  known_ = count;
  static_assert(kOrder.size() + 6 + kFew <= kHeadBytes, "the order of few headers fits");
  order_ = {};
  order_size_ = static_cast<size_t>(PutOrder(order_.data()) - order_.data());
}

// The headers of a stage's outputs have the same names one after the other, whose heads are known then. nullptr where these have
// others; what was written is not meant.
char* ContentWriter::PutKnown(char* at, Headers headers) {
  const auto eight = [](const char* from) {
    uint64_t bytes;
    std::memcpy(&bytes, from, 8);
    return bytes;
  };
  Head* head = heads_.data();
  Head* const last = head + known_;
  const std::string_view block = headers.block();
  const char* from = block.data();
  const char* const end = from + block.size();
  for (; from != end; ++head) {
    if (head == last) return nullptr;
    const uint64_t lengths = eight(from);
    if (lengths != head->lengths) {
      if (!head->Adapt(lengths)) return nullptr;
      steady_ = 0;
    }
    const size_t name_size = head->name_size;
    if (eight(from + head->at_first) != head->first || eight(from + name_size) != head->last) return nullptr;
    if (name_size > 16 && std::memcmp(from + 8, head->bytes.data() + 1, name_size) != 0) return nullptr;
    // Longer than it is: what follows is written over the rest.
    std::memcpy(at, head->bytes.data(), kHeadBytes);
    from += 8 + name_size;
    at = PutFew(at + head->size, from, head->value_size);
    from += head->value_size;
  }
  return head == last ? at : nullptr;
}

// Values mostly have the same lengths too, and then the stencil has it all. It is not cut anew for lengths that change with
// every message.
[[gnu::noinline]] char* ContentWriter::PutFields(char* at, Headers headers) {
  ++steady_;
  char* const end = known_ == 0 ? nullptr : PutKnown(at, headers);
  if (end == nullptr) return PutAnew(at, headers);
  if (steady_ >= kSteady) {
    stencil_.Learn(headers, {at, static_cast<size_t>(end - at)});
    steady_ = 0;
  }
  return PutKnownOrder(end);
}

[[gnu::always_inline]] inline char* ContentWriter::PutKnownOrder(char* at) const {
  std::memcpy(at, order_.data(), kHeadBytes);
  return at + order_size_;
}

char* ContentWriter::PutOrder(char* at) const {
  if (layout_.kind != Layout::Kind::kOrdered) return at;
  return PutField(at, kOrder, 'x', {reinterpret_cast<const char*>(layout_.order.data()), layout_.count});
}

char* ContentWriter::PutAnew(char* at, Headers headers) {
  steady_ = 0;
  stencil_.Forget();
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
  return PutOrder(at);
}

[[gnu::always_inline]] inline char* ContentWriter::PutHeaders(char* at, const Message& message) {
  char* const length = at;
  at += 4;
  if (message.key) {
    static_assert(kKey == "mr_key");
    at = Put32(PutHead(at, "\6mr_keyx"), static_cast<uint32_t>(message.key->size()));
    at = PutFew(at, *message.key);
  }
  if (!message.body) at = Put8(Put8(PutShortString(at, kNull), 't'), 1);
  if (!message.headers.empty()) {
    char* const end = stencil_.Put(at, message.headers);
    at = end != nullptr ? PutKnownOrder(end) : PutFields(at, message.headers);
  }
  if (message.timestamp_ms != 0) {
    static_assert(kTime == "timestamp_in_ms");
    at = Put64(PutHead(at, "\17timestamp_in_msl"), static_cast<uint64_t>(message.timestamp_ms));
  }
  Put32(length, static_cast<uint32_t>(at - length - 4));
  return at;
}

// The digits of the last one are kept: one more is written into the last of them, nine times of ten.
[[gnu::always_inline]] inline char* ContentWriter::PutMessageId(char* at, uint64_t message_id) {
  const auto size = static_cast<size_t>(id_[0]);
  if (message_id > 0 && message_id - 1 == last_id_ && size > 0 && id_[size] != '9') {
    ++id_[size];
  } else {
    const auto [end, error] = std::to_chars(id_.data() + 1, id_.data() + id_.size(), message_id);
    static_cast<void>(error);
    id_[0] = static_cast<char>(end - id_.data() - 1);
  }
  last_id_ = message_id;
  std::memcpy(at, id_.data(), id_.size());  // all of it: what follows is written over the rest
  return at + 1 + id_[0];
}

char* ContentWriter::PutProperties(char* at, const Message& message, uint64_t message_id) {
  const bool timed = message.timestamp_ms >= 1000;
  at = Put16(at, static_cast<uint16_t>(1u << kHeaders | 1u << kDeliveryMode | 1u << kMessageId |
                                       (timed ? 1u << kTimestamp : 0u) | 1u << kAppId));
  at = PutHeaders(at, message);
  at = Put8(at, kPersistent);
  at = PutMessageId(at, message_id);
  if (timed) at = Put64(at, static_cast<uint64_t>(message.timestamp_ms) / 1000);
  static_assert(kOurs == "millrace");
  return PutHead(at, "\10millrace");
}

void ContentWriter::AppendProperties(const Message& message, uint64_t message_id, ByteBuffer& out) {
  out.CommitTo(PutProperties(out.Reserve(PropertiesBytesMax(message)), message, message_id));
}

}  // namespace millrace::bus
