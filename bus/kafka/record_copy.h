// A record of librdkafka as a message of ours: copied out, since live ones keep a handle from closing.
//
//   std::vector<Header> headers;
//   const size_t bytes = BodyBytes(record) + ReadHeaders(record, headers);
//   const Message message = CopyMessage(record, headers, segment->Append(bytes));
//
// Threading: functions. Ownership: read headers are views into their record.
#ifndef MILLRACE_BUS_KAFKA_RECORD_COPY_H_
#define MILLRACE_BUS_KAFKA_RECORD_COPY_H_

#include <cstddef>
#include <span>
#include <vector>

#include "bus/kafka/rdkafka.h"
#include "bus/message.h"

namespace millrace::bus {

// Appends the record's headers, in order. How long their block will be.
size_t ReadHeaders(const rd_kafka_message_t& record, std::vector<Header>& headers);

// Of key and body.
inline size_t BodyBytes(const rd_kafka_message_t& record) {
  return (record.key != nullptr ? record.key_len : 0) + (record.payload != nullptr ? record.len : 0);
}

// The message with its bytes at `to`, where there is room for all of them: BodyBytes and the block of headers.
Message CopyMessage(const rd_kafka_message_t& record, std::span<const Header> headers, char* to);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_RECORD_COPY_H_
