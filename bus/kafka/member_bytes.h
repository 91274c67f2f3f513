// Who a consumer is in its group, as bytes that a transaction's offsets go with (rd_kafka_consumer_group_metadata_write).
//
// librdkafka gives the bytes and does not say what is in them. A consumer that has lost its membership has no generation
// (-1), for a while with the name it had: a broker takes such offsets where it thinks the group is empty, and from nobody
// at all it takes them unchecked, as from clients of before KIP-447. They must not be sent.
//
// Threading: pure.
#ifndef MILLRACE_BUS_KAFKA_MEMBER_BYTES_H_
#define MILLRACE_BUS_KAFKA_MEMBER_BYTES_H_

#include <string>
#include <string_view>

#include "bus/kafka/rdkafka.h"

namespace millrace::bus {

// Empty where librdkafka has none.
std::string MemberBytes(const rd_kafka_consumer_group_metadata_t* metadata);

// Whether they are of a member of `group` in one of its generations.
bool IsMember(std::string_view bytes, const std::string& group);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_MEMBER_BYTES_H_
