#include "bus/message.h"

#include "bus/segment.h"

namespace millrace::bus {

bool Headers::Valid(std::string_view block) {
  while (!block.empty()) {
    if (block.size() < 8) return false;
    const uint64_t name = Load(block.data()), value = Load(block.data() + 4);
    const uint64_t size = 8 + name + (value == 0 ? 0 : value - 1);
    if (size > block.size()) return false;
    block.remove_prefix(size);
  }
  return true;
}

HeaderBuilder& HeaderBuilder::Add(std::string_view name, std::optional<std::string_view> value) {
  Write(name, value, Extend(BytesOf(name, value)));
  return *this;
}

std::optional<Message> CopyInto(Segment& segment, const Message& message) {
  char* at = segment.Append(message.Bytes());
  if (at == nullptr) return std::nullopt;
  Message copy = message;
  const auto put = [&at](std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    std::string_view view(at, bytes.size());
    at += bytes.size();
    return view;
  };
  copy.headers = Headers(put(message.headers.block()));
  if (message.key) copy.key = put(*message.key);
  if (message.body) copy.body = put(*message.body);
  return copy;
}

bool SameContent(const Message& a, const Message& b) {
  return a.key == b.key && a.body == b.body && a.headers.block() == b.headers.block() &&
         a.timestamp_ms == b.timestamp_ms;
}

}  // namespace millrace::bus
