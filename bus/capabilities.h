// What a backend can and cannot do; checked against what a pipeline needs before it starts, and explained by `millrace
// lint`.
#ifndef MILLRACE_BUS_CAPABILITIES_H_
#define MILLRACE_BUS_CAPABILITIES_H_

#include <cstddef>
#include <string>

#include "bus/clock.h"

namespace millrace::bus {

enum class Settlement {
  kPrefix,      // a settlement is the next offset: everything below is settled (Kafka)
  kIndividual,  // each message is settled by itself (RabbitMQ)
};

struct Capabilities {
  std::string backend;  // "mem (log)", "kafka", …: for messages to people
  Settlement settlement = Settlement::kPrefix;
  bool replay = false;            // settled messages can be read again
  bool transactions = false;      // outputs and settlements in one atomic step; with Settlement::kPrefix and notes only
  std::string no_transactions;    // why not, for people; empty where nothing is to be said
  bool delayed_delivery = false;  // a publish can ask to be delivered later
  bool lag = false;               // the broker can tell how far behind a group is
  // A settlement can carry a note that the next owner of the partition is given (Kafka's commit metadata). Without it
  // the number of deliveries stands in for counting starts, and parked keys cannot be remembered.
  bool notes = false;
  // When a publish fails, later ones to the same partition fail too (an idempotent producer). Without it the worker
  // keeps one unconfirmed publish per key, else a failure in the middle would change the order of first occurrences.
  bool gapless_publish = false;
  // A broker takes a delivery back that is not settled for so long, and with it all that its consumer holds. 0: never.
  Duration unsettled_max = Duration(0);
  size_t message_bytes_max = 1'000'000;  // key + body + headers of one message
  // What may be lost, in one sentence each: "survives: …" and "destroyed by: …".
  std::string crash_model;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_CAPABILITIES_H_
