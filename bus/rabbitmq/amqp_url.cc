#include "bus/rabbitmq/amqp_url.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>

#include "bus/rabbitmq/percent.h"

namespace millrace::bus {
namespace {

constexpr std::string_view kScheme = "amqp://";
constexpr std::string_view kSecureScheme = "amqps://";
constexpr uint16_t kSecurePort = 5671;
constexpr std::string_view kKnown =
    "heartbeat=SECONDS, connect_timeout=SECONDS, apply_timeout=SECONDS, prefetch=N, window=N, "
    "consumer_timeout=SECONDS, message_bytes_max=N, "
    "prefix=TEXT, trap=on|off, user=TEXT, password=TEXT, auth_mechanism=plain|external, management=URL, "
    "prometheus=URL, name=TEXT, "
    "instance=TEXT; with amqps:// cacertfile=PATH, certfile=PATH, keyfile=PATH, keyfile_password=TEXT, "
    "verify=verify_peer|verify_none, server_name_indication=NAME";

bool Number(std::string_view text, uint64_t least, uint64_t most, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= least && out <= most;
}

// In a name they would hide what is behind them from those who read it up to there.
bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// Where the password stands in a URL: behind the first colon of what is before the authority's last @.
std::string_view PasswordIn(std::string_view url) {
  const size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  // A slash or question mark in a password that was not encoded is still part of it: better too much is hidden.
  const size_t at = url.rfind('@');
  if (at == std::string_view::npos || at < begin + 3) return {};
  const std::string_view user = url.substr(begin + 3, at - begin - 3);
  const size_t colon = user.find(':');
  return colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1);
}

class Parser {
 public:
  explicit Parser(std::string_view url) : url_(url) {}

  absl::StatusOr<AmqpUrl> Parse() {
    std::string_view rest = url_;
    parsed_.connection.tls.on = rest.substr(0, kSecureScheme.size()) == kSecureScheme;
    const std::string_view scheme = parsed_.connection.tls.on ? kSecureScheme : kScheme;
    if (rest.substr(0, scheme.size()) != scheme) return Bad("it does not begin with amqp:// or amqps://");
    rest.remove_prefix(scheme.size());
    const size_t question = rest.find('?');
    const std::string_view query = question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
    rest = rest.substr(0, question);
    const size_t slash = rest.find('/');
    absl::Status status = Authority(rest.substr(0, slash));
    if (status.ok() && slash != std::string_view::npos) status = Vhost(rest.substr(slash + 1));
    if (status.ok()) status = Query(query);
    if (status.ok()) status = Together();
    if (!status.ok()) return status;
    return parsed_;
  }

 private:
  // What no parameter says by itself.
  absl::Status Together() const {
    const AmqpTls& tls = parsed_.connection.tls;
    if (!tls.keyfile.empty() && tls.certfile.empty())
      return Bad("keyfile without certfile: a key proves nothing alone");
    if (!parsed_.connection.external_login) return absl::OkStatus();
    return tls.certfile.empty()
               ? Bad("auth_mechanism=external is a login by certificate: it wants amqps:// and certfile")
               : absl::OkStatus();
  }

  absl::Status Bad(const std::string& why) const {
    return absl::InvalidArgumentError(
        "bus URL \"" + WithoutPassword(url_) + "\": " + why +
        "; known: amqp://user:password@host:port,host2:port2/vhost?name=value&…, and amqps://, with " +
        std::string(kKnown));
  }

  absl::Status Authority(std::string_view text) {
    const size_t at = text.rfind('@');
    if (at != std::string_view::npos) {
      const std::string_view user = text.substr(0, at);
      const size_t colon = user.find(':');
      const std::optional<std::string> name = PercentDecoded(user.substr(0, colon));
      const std::optional<std::string> password =
          colon == std::string_view::npos ? std::string() : PercentDecoded(user.substr(colon + 1));
      if (!name.has_value() || !password.has_value())
        return Bad("a % in user or password is not followed by two digits");
      parsed_.connection.user = *name;
      parsed_.connection.password = *password;
      text.remove_prefix(at + 1);
    }
    for (;;) {
      const size_t comma = text.find(',');
      if (absl::Status status = Host(text.substr(0, comma)); !status.ok()) return status;
      if (comma == std::string_view::npos) return absl::OkStatus();
      text.remove_prefix(comma + 1);
    }
  }

  absl::Status Host(std::string_view text) {
    AmqpHost host{.name = "localhost", .port = parsed_.connection.tls.on ? kSecurePort : uint16_t{5672}};
    std::string_view port;
    if (!text.empty() && text[0] == '[') {
      const size_t end = text.find(']');
      if (end == std::string_view::npos) return Bad("an address begins with [ and has no ]");
      host.name = text.substr(1, end - 1);
      if (host.name.empty()) return Bad("there is no address between [ and ]");
      port = text.substr(end + 1);
    } else {
      const size_t colon = text.find(':');
      if (colon != 0 && !text.empty()) host.name = text.substr(0, colon);
      port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    }
    if (HasControls(host.name)) return Bad("there is a control character in a host's name");
    if (!port.empty()) {
      uint64_t number = 0;
      if (port[0] != ':' || !Number(port.substr(1), 1, 65535, number)) {
        return Bad("a port is not a number from 1 to 65535 (a / in a password is written %2F)");
      }
      host.port = static_cast<uint16_t>(number);
    }
    parsed_.connection.hosts.push_back(host);
    return absl::OkStatus();
  }

  absl::Status Vhost(std::string_view text) {
    if (text.empty()) return absl::OkStatus();
    const std::optional<std::string> vhost = PercentDecoded(text);
    if (!vhost.has_value()) return Bad("a % in the virtual host is not followed by two digits");
    if (text.find('/') != std::string_view::npos) return Bad("a / in a virtual host's name is written %2F");
    parsed_.connection.vhost = *vhost;
    return absl::OkStatus();
  }

  absl::Status Query(std::string_view rest) {
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      const size_t equals = pair.find('=');
      const std::string_view name = pair.substr(0, equals);
      // The rest of a password, perhaps: it is not shown.
      if (equals == std::string_view::npos && !pair.empty())
        return Bad("a parameter has no value (a & in a value is written %26)");
      const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
      if (absl::Status status = Parameter(name, value); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Parameter(std::string_view name, std::string_view value) {
    struct Numeric {
      std::string_view name;
      uint64_t least;
      uint64_t most;
      std::function<void(uint64_t)> set;
    };
    const auto seconds = [](Duration& into) { return [&into](uint64_t n) { into = std::chrono::seconds(n); }; };
    const Numeric numerics[] = {
        {"heartbeat", 0, 3600, seconds(parsed_.connection.heartbeat)},
        {"connect_timeout", 1, 3600, seconds(parsed_.connection.connect_timeout)},
        {"apply_timeout", 1, 86400, seconds(parsed_.apply_timeout)},
        {"consumer_timeout", 0, 10'000'000, seconds(parsed_.consumer_timeout)},
        {"prefetch", 1, 65535, [this](uint64_t n) { parsed_.prefetch = static_cast<uint32_t>(n); }},
        {"window", 1, 1'000'000, [this](uint64_t n) { parsed_.window = static_cast<uint32_t>(n); }},
        {"message_bytes_max", 1, 128 << 20, [this](uint64_t n) { parsed_.message_bytes_max = n; }},
    };
    const auto bad_value = [&] { return Bad("\"" + std::string(value) + "\" is no value of " + std::string(name)); };
    for (const Numeric& numeric : numerics) {
      if (numeric.name != name) continue;
      uint64_t number = 0;
      if (!Number(value, numeric.least, numeric.most, number)) return bad_value();
      numeric.set(number);
      return absl::OkStatus();
    }
    AmqpTls& tls = parsed_.connection.tls;
    const std::optional<std::string> text = PercentDecoded(value);
    const bool secret = name == "password" || name == "keyfile_password";
    if (secret && !text.has_value()) return Bad("a % in the " + std::string(name) + " is not followed by two digits");
    struct Textual {
      std::string_view name;
      std::string* into;
      size_t most = 100;
      bool secure = false;  // only with amqps://
    };
    const Textual textuals[] = {{"name", &parsed_.connection.connection_name},
                                {"prefix", &parsed_.prefix},
                                {"instance", &parsed_.instance},
                                {"user", &parsed_.connection.user},
                                {"password", &parsed_.connection.password, 4096},
                                {"cacertfile", &tls.cacertfile, 4096, true},
                                {"certfile", &tls.certfile, 4096, true},
                                {"keyfile", &tls.keyfile, 4096, true},
                                {"keyfile_password", &tls.keyfile_password, 4096, true},
                                {"server_name_indication", &tls.server_name, 255, true}};
    for (const Textual& textual : textuals) {
      if (textual.name != name) continue;
      if (textual.secure && !tls.on) return Bad(std::string(name) + " is for amqps:// only");
      if (!text.has_value() || text->size() > textual.most)
        return secret ? Bad("the " + std::string(name) + " is too long") : bad_value();
      if (!secret && HasControls(*text)) return Bad("there is a control character in " + std::string(name));
      *textual.into = *text;
      return absl::OkStatus();
    }
    if (name == "management" || name == "prometheus") {
      absl::StatusOr<PluginAddress> address = ParsePluginAddress(value);
      // What it is may be a secret in the wrong place.
      if (!address.ok()) return Bad("the " + std::string(name) + " URL: " + std::string(address.status().message()));
      (name == "management" ? parsed_.management : parsed_.prometheus) = *std::move(address);
      return absl::OkStatus();
    }
    if (name == "verify") {
      if (!tls.on) return Bad("verify is for amqps:// only");
      if (value != "verify_peer" && value != "verify_none") return bad_value();
      tls.verify_peer = value == "verify_peer";
      return absl::OkStatus();
    }
    if (name == "trap") {
      if (value != "on" && value != "off") return bad_value();
      parsed_.trap = value == "on";
      return absl::OkStatus();
    }
    if (name == "auth_mechanism") {
      if (value != "plain" && value != "external") return bad_value();
      parsed_.connection.external_login = value == "external";
      return absl::OkStatus();
    }
    return Bad("unknown parameter \"" + std::string(name) + "\"");
  }

  const std::string_view url_;
  AmqpUrl parsed_;
};

}  // namespace

absl::StatusOr<AmqpUrl> ParseAmqpUrl(std::string_view url) { return Parser(url).Parse(); }

std::string WithoutPassword(std::string_view url) {
  std::string out(url);
  const auto replace = [&out](std::string_view name, const auto& shown) {
    for (size_t at = out.find(name); at != std::string::npos; at = out.find(name, at + 1)) {
      if (at == 0 || (out[at - 1] != '?' && out[at - 1] != '&')) continue;
      const size_t begin = at + name.size(), size = std::min(out.find('&', begin), out.size()) - begin;
      out.replace(begin, size, shown(out.substr(begin, size)));
    }
  };
  // First those in which an @ may stand.
  for (const std::string_view name : {"management=", "prometheus="}) replace(name, PrintablePluginAddress);
  const std::string_view rest = out;
  if (const std::string_view password = PasswordIn(rest); !password.empty())
    out.replace(static_cast<size_t>(password.data() - rest.data()), password.size(), "***");
  // And as parameters, where they do not merely say where the secret is.
  for (const std::string_view name : {"password=", "keyfile_password="}) {
    replace(name, [](const std::string& value) {
      return value.rfind("env:", 0) == 0 || value.rfind("file:", 0) == 0 ? value : "***";
    });
  }
  // The rest of one that has an & in it.
  for (size_t at = out.find('?'); at != std::string::npos; at = out.find('&', at + 1)) {
    const size_t size = std::min(out.find('&', at + 1), out.size()) - at - 1;
    if (size > 0 && out.substr(at + 1, size).find('=') == std::string::npos) out.replace(at + 1, size, "***");
  }
  return out;
}

}  // namespace millrace::bus
