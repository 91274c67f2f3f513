#include "bus/kafka/core/kafka_url.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace millrace::bus {
namespace {

constexpr std::string_view kScheme = "kafka://";
constexpr std::string_view kKnown =
    "session.timeout.ms=N, rebalance=eager|cooperative, transaction.timeout.ms=N, replication=N, prefix=TEXT, "
    "message_bytes_max=N, and properties of librdkafka, which have a dot in their name";

struct Fixed {
  std::string_view name;
  std::string_view why;
};

// What the promises rest on is not for a URL to change.
constexpr Fixed kFixed[] = {
    {"enable.auto.commit", "offsets are committed when the work is done, and only then"},
    {"auto.commit.enable", "offsets are committed when the work is done, and only then"},
    {"enable.auto.offset.store", "offsets are committed when the work is done, and only then"},
    {"auto.offset.reset", "where a partition starts is said explicitly, and what was destroyed is announced"},
    {"enable.partition.eof", "the driver needs it to see the end of a partition"},
    {"isolation.level", "what a producer has taken back is never read"},
    {"group.id", "the pipeline names the groups"},
    {"group.instance.id", "each consumer has its own"},
    {"partition.assignment.strategy", "say rebalance=eager or rebalance=cooperative"},
    {"heartbeat.interval.ms", "it follows from session.timeout.ms"},
    {"max.poll.interval.ms", "it follows from how long partitions may take to be given back"},
    {"acks", "a job is settled only when its outputs are on all replicas in sync"},
    {"request.required.acks", "a job is settled only when its outputs are on all replicas in sync"},
    {"enable.idempotence", "without it a repeated publish may change the order"},
    {"enable.gapless.guarantee", "without it a failed publish may change the order"},
    {"message.timeout.ms", "a publish does not expire: a later one may land all the same, and the order is broken"},
    {"delivery.timeout.ms", "a publish does not expire: a later one may land all the same, and the order is broken"},
    {"retries", "a publish is repeated until its outcome is known"},
    {"message.send.max.retries", "a publish is repeated until its outcome is known"},
    {"transactional.id", "each producer has its own"},
    {"partitioner", "partitions are chosen by murmur2 of the key, as Java's clients do"},
    {"allow.auto.create.topics", "a topic made by accident has the wrong number of partitions"},
    {"bootstrap.servers", "the brokers stand in front of the question mark"},
    {"metadata.broker.list", "the brokers stand in front of the question mark"},
    {"message.max.bytes", "say message_bytes_max"},
};

absl::Status Bad(const std::string& why) {
  return absl::InvalidArgumentError("the Kafka URL: " + why +
                                    "; it is kafka://HOST:PORT[,HOST:PORT]?name=value&…, with " + std::string(kKnown));
}

std::optional<std::string> Decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view hex = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (hex.size() != 2 || error != std::errc() || end != hex.data() + 2) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

bool Number(std::string_view text, uint64_t least, uint64_t most, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= least && out <= most;
}

absl::Status CheckBrokers(std::string_view brokers) {
  if (brokers.empty()) return Bad("it names no broker");
  while (!brokers.empty()) {
    const std::string_view one = brokers.substr(0, brokers.find(','));
    brokers.remove_prefix(std::min(one.size() + 1, brokers.size()));
    const size_t colon = one.rfind(':');
    uint64_t port = 0;
    if (colon == std::string_view::npos || colon == 0 || !Number(one.substr(colon + 1), 1, 65535, port))
      return Bad("\"" + std::string(one) + "\" is no HOST:PORT");
  }
  return absl::OkStatus();
}

// Of those with a dot: what the driver sets itself.
bool Own(std::string_view name) { return name == "session.timeout.ms" || name == "transaction.timeout.ms"; }

absl::Status SetOwn(std::string_view name, const std::string& value, KafkaUrl& url) {
  uint64_t number = 0;
  bool good = true;
  if (name == "session.timeout.ms") {
    good = Number(value, 100, 1'800'000, number);
    url.session_timeout = std::chrono::milliseconds(number);
    url.session_timeout_asked = true;
  } else if (name == "transaction.timeout.ms") {
    good = Number(value, 1000, 900'000, number);
    url.transaction_timeout = std::chrono::milliseconds(number);
  } else if (name == "rebalance") {
    good = value == "eager" || value == "cooperative";
    url.cooperative = value == "cooperative";
  } else if (name == "replication") {
    good = Number(value, 0, 100, number);
    url.replication = static_cast<int>(number);
  } else if (name == "prefix") {
    url.prefix = value;
  } else if (name == "message_bytes_max") {
    good = Number(value, 1000, 500'000'000, number);
    url.message_bytes_max = number;
  } else {
    return Bad("there is no parameter \"" + std::string(name) + "\"");
  }
  if (!good) return Bad("\"" + value + "\" is no value of " + std::string(name));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KafkaUrl> ParseKafkaUrl(std::string_view url) {
  KafkaUrl parsed;
  if (url.substr(0, kScheme.size()) != kScheme) return Bad("it does not begin with kafka://");
  url.remove_prefix(kScheme.size());
  const size_t question = url.find('?');
  std::string_view brokers = url.substr(0, question);
  if (!brokers.empty() && brokers.back() == '/') brokers.remove_suffix(1);
  if (absl::Status s = CheckBrokers(brokers); !s.ok()) return s;
  parsed.brokers = std::string(brokers);
  std::string_view rest = question == std::string_view::npos ? std::string_view() : url.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (name.empty() || equals == std::string_view::npos) return Bad("a parameter is not of the form name=value");
    const std::optional<std::string> value = Decoded(pair.substr(equals + 1));
    if (!value) return Bad("the value of " + std::string(name) + " has a % without two hexadecimal digits behind it");
    const auto* fixed =
        std::find_if(std::begin(kFixed), std::end(kFixed), [&](const Fixed& f) { return f.name == name; });
    if (fixed != std::end(kFixed))
      return Bad("\"" + std::string(name) + "\" is not to be set: " + std::string(fixed->why));
    if ((name.find('.') != std::string_view::npos || name == "debug") && !Own(name)) {
      parsed.properties.emplace_back(name, *value);
    } else if (absl::Status s = SetOwn(name, *value, parsed); !s.ok()) {
      return s;
    }
  }
  return parsed;
}

bool IsSecretProperty(std::string_view name) {
  for (std::string_view part : {"password", "secret", "key", "token", "credential", "pem", "sasl.oauthbearer"}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

std::string PrintableKafkaUrl(std::string_view url) {
  const size_t question = url.find('?');
  std::string out(url.substr(0, question));
  if (question == std::string_view::npos) return out;
  std::string_view rest = url.substr(question + 1);
  char separator = '?';
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::string_view name = pair.substr(0, pair.find('='));
    const std::string_view value = pair.substr(std::min(name.size() + 1, pair.size()));
    const bool elsewhere = value.substr(0, 4) == "env:" || value.substr(0, 5) == "file:";
    out += separator;
    out += IsSecretProperty(name) && !elsewhere ? std::string(name) + "=***" : std::string(pair);
    separator = '&';
  }
  return out;
}

}  // namespace millrace::bus
