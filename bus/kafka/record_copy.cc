#include "bus/kafka/record_copy.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace millrace::bus {
namespace {

// Calls f(name, value) for each header, in order.
template <class F>
void EachHeader(const rd_kafka_message_t* message, F f) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    std::optional<std::string_view> view;
    if (value != nullptr) view = std::string_view(static_cast<const char*>(value), size);
    f(std::string_view(name), view);
  }
}

char* Copy(const void* from, size_t size, char* to) {
  if (size > 0) std::memcpy(to, from, size);
  return to + size;
}

}  // namespace

size_t HeaderBytes(const rd_kafka_message_t* message) {
  size_t bytes = 0;
  EachHeader(message, [&](std::string_view name, std::optional<std::string_view> value) {
    bytes += HeaderBuilder::BytesOf(name, value);
  });
  return bytes;
}

Message CopyMessage(const rd_kafka_message_t& message, char* to) {
  Message out;
  if (message.key != nullptr) {
    out.key = std::string_view(to, message.key_len);
    to = Copy(message.key, message.key_len, to);
  }
  if (message.payload != nullptr) {
    out.body = std::string_view(to, message.len);
    to = Copy(message.payload, message.len, to);
  }
  char* const headers = to;
  EachHeader(&message, [&](std::string_view name, std::optional<std::string_view> value) {
    to = HeaderBuilder::Write(name, value, to);
  });
  out.headers = Headers(std::string_view(headers, static_cast<size_t>(to - headers)));
  rd_kafka_timestamp_type_t type;
  out.timestamp_ms = std::max<int64_t>(rd_kafka_message_timestamp(&message, &type), 0);
  return out;
}

}  // namespace millrace::bus
