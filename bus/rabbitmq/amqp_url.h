// The URL of a RabbitMQ bus, taken apart.
//
//   amqp://user:password@host:port,host2:port2/vhost?name=value&…          plain
//   amqps://user:password@host:port,host2:port2/vhost?name=value&…         over TLS
//
// Name, password and virtual host are percent-decoded; what is left out is guest, guest, localhost:5672 (over TLS 5671)
// and "/". Hosts are tried in turn. Parameters:
//   heartbeat=SECONDS        5; the server is given up after twice as long in silence. 0: none
//   connect_timeout=SECONDS  5; for each host
//   apply_timeout=SECONDS    30; for bringing a topology to the server
//   prefetch=N               1024; unsettled deliveries of one partition. The same for all that consume a queue, and
//                            for its life: else redeliveries change their order
//   window=N                 8192; publishes without a confirm
//   consumer_timeout=SECONDS 1800; the server's own setting (consumer_timeout), which no client is told: `lint` warns of
//                            stages that can take longer for a message. 0: the server has none
//   message_bytes_max=N      1000000; key + body + headers of one message
//   prefix=TEXT              stands before the names of topics and groups on the server, so that several can share a
//                            virtual host
//   trap=on                  or off: whether queues are declared with a dead-letter exchange of ours, which keeps what the
//                            server takes out of them by itself
//   user=TEXT, password=TEXT  instead of those in front of the @; env:NAME or file:PATH: what the environment or the
//                            file has, so that no secret is in a command line
//   cacertfile=PATH          amqps only, as the next five: the authorities that may have signed the server's certificate,
//                            in PEM; else those of the system
//   certfile=PATH, keyfile=PATH  a client's certificate and its key; keyfile is certfile where it is left out
//   keyfile_password=TEXT    of an encrypted key; env:NAME or file:PATH
//   verify=verify_peer       or verify_none: takes any certificate, and with it anybody in between
//   server_name_indication=NAME  the name that the server's certificate must have, where it is not the host's; its plugins'
//                            too, over https at one of the hosts
//   auth_mechanism=plain     or external: the login is the client's certificate
//   management=URL           http://HOST:15672, over TLS https://HOST:15671; where the management plugin answers (lag).
//                            A login of its own may stand in it (plugin_address.h)
//   prometheus=URL           http://HOST:15692, over TLS https://HOST:15691; the same for the Prometheus plugin
//   name=TEXT                what connections are called in the server's management, after "millrace "
//   instance=TEXT            what tells this process's consumers from others of the same names; drawn (bus/process_name.h)
//
// Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_AMQP_URL_H_
#define MILLRACE_BUS_RABBITMQ_AMQP_URL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bus/rabbitmq/amqp_options.h"
#include "bus/rabbitmq/plugin_address.h"

namespace millrace::bus {

struct AmqpUrl {
  AmqpOptions connection;
  Duration apply_timeout = std::chrono::seconds(30);
  uint32_t prefetch = 0;  // 0: as the pipeline says
  uint32_t window = 8192;
  Duration consumer_timeout = std::chrono::minutes(30);
  size_t message_bytes_max = 1'000'000;
  std::string prefix;
  bool trap = true;
  std::string instance;
  PluginAddress management;  // none: the usual port of the first host
  PluginAddress prometheus;
};

// InvalidArgument names what is wrong and what is known, never a password.
absl::StatusOr<AmqpUrl> ParseAmqpUrl(std::string_view url);

// The same URL with *** for the password, wherever it stands: for messages.
std::string WithoutPassword(std::string_view url);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_AMQP_URL_H_
