// Where a plugin of the server answers over HTTP: a URL within the bus URL, which may have a login in it.
//
//   auto at = ParsePluginAddress("http%3A%2F%2Fmon%3As3cret%40h%3A15672");
//   HttpGet(at->base + "/api/queues", {.user = at->user, .password = at->password});   // base: http://h:15672
//
// Errors: InvalidArgument says what is wrong without the value, in which there may be a password. Threading: pure.
#ifndef MILLRACE_BUS_RABBITMQ_PLUGIN_ADDRESS_H_
#define MILLRACE_BUS_RABBITMQ_PLUGIN_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::bus {

struct PluginAddress {
  std::string base;  // without a login, and without a slash at the end; empty: none was given
  std::string host;  // of it; an address of IPv6 without brackets
  bool own_login = false;
  std::string user;
  std::string password;
};

// Of a parameter's value as it stands in the bus URL. Name and password in it are percent-decoded once more.
absl::StatusOr<PluginAddress> ParsePluginAddress(std::string_view value);

// The value with *** for the password in it: for messages.
std::string PrintablePluginAddress(std::string_view value);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_PLUGIN_ADDRESS_H_
