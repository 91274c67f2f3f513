// A record of librdkafka as a message of ours: copied out, since live ones keep a handle from closing.
//
// Threading: functions.
#ifndef MILLRACE_BUS_KAFKA_RECORD_COPY_H_
#define MILLRACE_BUS_KAFKA_RECORD_COPY_H_

#include <cstddef>

#include "bus/kafka/rdkafka.h"
#include "bus/message.h"

namespace millrace::bus {

// How long the headers' block will be.
size_t HeaderBytes(const rd_kafka_message_t* message);

// The message with its bytes at `to`, where there is room for all of them: key, body and HeaderBytes.
Message CopyMessage(const rd_kafka_message_t& message, char* to);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_RECORD_COPY_H_
