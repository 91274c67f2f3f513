// The id of a message: its ce_id, or, where a foreign producer gave none, the place it was read from.
#ifndef MILLRACE_STAGES_MESSAGE_ID_H_
#define MILLRACE_STAGES_MESSAGE_ID_H_

#include <string>
#include <string_view>

#include "bus/delivery.h"
#include "bus/envelope.h"

namespace millrace::stages {

// "topic/partition/offset". On queues, which have no offsets, the digest of the content stands in: foreign messages
// with the same bytes are one job.
std::string PlaceId(std::string_view topic, const bus::Holding& holding, const bus::Delivery& delivery);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_MESSAGE_ID_H_
