// What a connection to a RabbitMQ server needs to know.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_OPTIONS_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bus/clock.h"

namespace millrace::bus {

struct AmqpHost {
  std::string name;  // or an address; of IPv6 without brackets
  uint16_t port = 5672;
  bool operator==(const AmqpHost&) const = default;
};

struct AmqpOptions {
  std::vector<AmqpHost> hosts;  // tried in turn, beginning with the one that answered last
  std::string user = "guest";
  std::string password = "guest";
  std::string vhost = "/";
  std::string connection_name;  // what the server's management shows
  Duration heartbeat = std::chrono::seconds(5);
  // For one host, from the first packet to the end of the handshake.
  Duration connect_timeout = std::chrono::seconds(5);
  uint32_t frame_max = 131072;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_OPTIONS_H_
