#include "bus/rabbitmq/plugin_address.h"

#include <algorithm>
#include <optional>

#include "bus/rabbitmq/percent.h"

namespace millrace::bus {
namespace {

constexpr size_t kBytesMax = 1000;

absl::Status Bad(const char* why) { return absl::InvalidArgumentError(why); }

// A host's name or address, without its port.
std::string HostOf(std::string_view authority) {
  if (!authority.empty() && authority[0] == '[') return std::string(authority.substr(1, authority.find(']') - 1));
  return std::string(authority.substr(0, authority.find(':')));
}

}  // namespace

absl::StatusOr<PluginAddress> ParsePluginAddress(std::string_view value) {
  const std::optional<std::string> decoded = PercentDecoded(value);
  if (!decoded.has_value()) return Bad("a % is not followed by two digits");
  if (decoded->size() > kBytesMax) return Bad("it is longer than 1000 bytes");
  const bool plain = decoded->rfind("http://", 0) == 0;
  if (!plain && decoded->rfind("https://", 0) != 0) return Bad("it does not begin with http:// or https://");
  // Such that nothing in it can end a host's name, or begin another line of a request.
  if (std::any_of(decoded->begin(), decoded->end(), [](unsigned char c) { return c <= ' ' || c == 0x7F; }))
    return Bad("there is a space or a control character in it");
  if (decoded->find_first_of("?#") != std::string::npos) return Bad("there is a ? or # in it (in a password %3F, %23)");
  const std::string scheme = plain ? "http://" : "https://";
  const std::string_view rest = std::string_view(*decoded).substr(scheme.size());
  std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view path = rest.substr(authority.size());
  if (path.find('@') != std::string_view::npos) return Bad("there is an @ behind a / (in a password / is %2F)");
  PluginAddress address;
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = authority.substr(0, at);
    const size_t colon = login.find(':');
    const std::optional<std::string> user = PercentDecoded(login.substr(0, colon));
    const std::optional<std::string> password =
        colon == std::string_view::npos ? std::string() : PercentDecoded(login.substr(colon + 1));
    if (!user.has_value() || !password.has_value())
      return Bad("a % in its user or password is not followed by two digits");
    address.own_login = true;
    address.user = *user;
    address.password = *password;
    authority.remove_prefix(at + 1);
  }
  address.host = HostOf(authority);
  if (address.host.empty()) return Bad("it has no host");
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  address.base = scheme + std::string(authority) + std::string(path);
  return address;
}

std::string PrintablePluginAddress(std::string_view value) {
  const std::optional<std::string> decoded = PercentDecoded(value);
  if (!decoded.has_value()) return "***";
  const size_t at = decoded->rfind('@');
  if (at == std::string::npos) {
    // Encoded twice, it is no address, and must not be shown all the same.
    const std::optional<std::string> again = PercentDecoded(*decoded);
    return again.has_value() && again->find('@') == std::string::npos ? std::string(value) : "***";
  }
  const size_t scheme = decoded->find("://");
  const size_t begin = scheme == std::string::npos || scheme > at ? 0 : scheme + 3;
  const size_t colon = decoded->find(':', begin);
  // An @ that stands there as it is would be taken for the end of the bus URL's own login.
  const std::string rest = "%40" + decoded->substr(at + 1);
  return colon < at ? decoded->substr(0, colon + 1) + "***" + rest : decoded->substr(0, at) + rest;
}

}  // namespace millrace::bus
