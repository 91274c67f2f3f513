#include "bus/kafka/core/producer_defaults.h"

#include <algorithm>

namespace millrace::bus {
namespace {

constexpr size_t kBatchBytes = 1'000'000;  // librdkafka's own

}  // namespace

std::vector<std::pair<std::string, std::string>> ProducerDefaults(const KafkaUrl& url) {
  return {
      // Batches form while requests are under way; waiting for more of them would only add latency.
      {"linger.ms", "0"},
      // Seen: first messages confirmed, and in no log. The likely cause, not proved by a trace:
      // Of a producer that it does not know in a partition yet, a broker takes any sequence number (KIP-360). Where the first
      // batch is refused in passing and the second one, under way already, is taken, the first is a duplicate to the broker when
      // it comes again: confirmed, and in no log.
      {"max.in.flight.requests.per.connection", "1"},
      {"queue.buffering.max.messages", std::to_string(kProducerQueueMessages)},
      {"queue.buffering.max.kbytes", "65536"},
      // A broker refuses a batch that is larger than its topic's messages may be, with all that is in it.
      {"batch.size", std::to_string(std::min(kBatchBytes, url.message_bytes_max))},
  };
}

}  // namespace millrace::bus
