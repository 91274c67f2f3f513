// One HTTP GET, over libcurl: the server's plugins speak nothing else.
//
// Blocking: up to ten seconds. Errors: NotFound for status 404, PermissionDenied for 401 and 403, else Unavailable; they
// have the URL up to its query in them, in which there is no login, and nothing of the login. Threading: any thread.
#ifndef MILLRACE_BUS_RABBITMQ_HTTP_GET_H_
#define MILLRACE_BUS_RABBITMQ_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"
#include "bus/rabbitmq/amqp_options.h"

namespace millrace::bus {

struct HttpLogin {
  std::string user;  // empty: none
  std::string password;
  AmqpTls tls;  // for https: as the connection itself, the name that the certificate must have included
};

absl::StatusOr<std::string> HttpGet(const std::string& url, const HttpLogin& login);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_HTTP_GET_H_
