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

// TLS, by the names that RabbitMQ's own clients give these in a URL.
struct AmqpTls {
  bool on = false;
  std::string cacertfile;  // authorities that may have signed the server's certificate; empty: the system's
  std::string certfile;    // who we are, where the server asks; with the whole chain
  std::string keyfile;     // empty: in certfile
  std::string keyfile_password;
  bool verify_peer = true;  // the server's certificate and its name
  std::string server_name;  // the name that it must have; empty: the host's of the URL
};

struct AmqpOptions {
  std::vector<AmqpHost> hosts;  // tried in turn, beginning with the one that answered last
  std::string user = "guest";
  std::string password = "guest";
  bool external_login = false;  // by the client's certificate, in place of name and password
  std::string vhost = "/";
  AmqpTls tls;
  std::string connection_name;  // what the server's management shows
  Duration heartbeat = std::chrono::seconds(5);
  // For one host, from the first packet to the end of the handshake.
  Duration connect_timeout = std::chrono::seconds(5);
  uint32_t frame_max = 131072;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_OPTIONS_H_
