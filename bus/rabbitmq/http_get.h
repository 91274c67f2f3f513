// One HTTP GET, over libcurl: the server's plugins speak nothing else.
//
// Blocking: up to ten seconds. Errors: NotFound for status 404, PermissionDenied for 401 and 403, else Unavailable; the
// user's password is in none of them. Threading: any thread.
#ifndef MILLRACE_BUS_RABBITMQ_HTTP_GET_H_
#define MILLRACE_BUS_RABBITMQ_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"
#include "bus/rabbitmq/amqp_options.h"

namespace millrace::bus {

struct HttpLogin {
  std::string user;  // empty: none
  std::string password;
  AmqpTls tls;  // for https: as the connection itself
};

absl::StatusOr<std::string> HttpGet(const std::string& url, const HttpLogin& login);

// As it stands in a path or a query.
std::string UrlEncoded(const std::string& text);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_HTTP_GET_H_
