#include "bus/kafka/record_copy.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace millrace::bus {
namespace {

char* Copy(const void* from, size_t size, char* to) {
  if (size > 0) std::memcpy(to, from, size);
  return to + size;
}

}  // namespace

size_t ReadHeaders(const rd_kafka_message_t& record, std::vector<Header>& headers) {
  rd_kafka_headers_t* found = nullptr;
  if (rd_kafka_message_headers(&record, &found) != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  size_t bytes = 0;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(found, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    Header& header = headers.emplace_back();
    header.name = name;
    if (value != nullptr) header.value = std::string_view(static_cast<const char*>(value), size);
    bytes += HeaderBuilder::BytesOf(header.name, header.value);
  }
  return bytes;
}

Message CopyMessage(const rd_kafka_message_t& record, std::span<const Header> headers, char* to) {
  Message out;
  if (record.key != nullptr) {
    out.key = std::string_view(to, record.key_len);
    to = Copy(record.key, record.key_len, to);
  }
  if (record.payload != nullptr) {
    out.body = std::string_view(to, record.len);
    to = Copy(record.payload, record.len, to);
  }
  char* const block = to;
  for (const Header& header : headers) to = HeaderBuilder::Write(header.name, header.value, to);
  out.headers = Headers(std::string_view(block, static_cast<size_t>(to - block)));
  rd_kafka_timestamp_type_t type;
  out.timestamp_ms = std::max<int64_t>(rd_kafka_message_timestamp(&record, &type), 0);
  return out;
}

}  // namespace millrace::bus
