// What RabbitMQ says when something is declared otherwise than it is, in words that help.
//
// Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_MISMATCH_H_
#define MILLRACE_BUS_RABBITMQ_MISMATCH_H_

#include <string>
#include <string_view>

#include "bus/admin.h"

namespace millrace::bus {

// From "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current
// is 'classic'": the argument, what it is and what was asked for. What cannot be taken apart stands in `have` whole.
TopologyItem::Field ParseMismatch(std::string_view text);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_MISMATCH_H_
