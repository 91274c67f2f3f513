// What a broker refuses, in its own words, with what to do about it: for people.
//
//   Refusal("topic \"orders\" did not take a message", error).message();
//   // topic "orders" did not take a message: TOPIC_AUTHORIZATION_FAILED (Broker: Topic authorization failed); give …
//
// Threading: pure.
#ifndef MILLRACE_BUS_KAFKA_REFUSAL_H_
#define MILLRACE_BUS_KAFKA_REFUSAL_H_

#include <librdkafka/rdkafka.h>

#include <string_view>

#include "absl/status/status.h"

namespace millrace::bus {

// Unavailable: none of these is given up. `text`: librdkafka's own, where it says more than the code.
absl::Status Refusal(std::string_view what, rd_kafka_resp_err_t error, std::string_view text = {});

// Whether somebody has to give a right before it can go on.
bool IsNotAllowed(rd_kafka_resp_err_t error);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_REFUSAL_H_
