#include "bus/memory/memory_url.h"

#include <charconv>
#include <string>

namespace millrace::bus {
namespace {

constexpr std::string_view kKnown =
    "semantics=log|queue, session=kept|strict, message_bytes_max=N, retention_bytes=N, segment_bytes=N";

absl::Status Bad(std::string_view url, const std::string& why) {
  return absl::InvalidArgumentError("bus URL \"" + std::string(url) + "\": " + why +
                                    "; known: mem: or mem:?name=value&…, with " + std::string(kKnown));
}

bool Number(std::string_view text, uint64_t least, uint64_t most, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= least && out <= most;
}

}  // namespace

absl::StatusOr<MemoryUrl> ParseMemoryUrl(std::string_view url) {
  MemoryUrl parsed;
  std::string_view rest = url;
  if (rest.substr(0, 4) != "mem:") return Bad(url, "it does not begin with mem:");
  rest.remove_prefix(4);
  if (rest.empty()) return parsed;
  if (rest.front() != '?') return Bad(url, "what follows mem: begins with ?");
  rest.remove_prefix(1);
  bool strict_asked = false, retention_asked = false;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const auto bad_value = [&] {
      return Bad(url, "\"" + std::string(value) + "\" is no value of " + std::string(name));
    };
    uint64_t number = 0;
    if (name == "semantics") {
      if (value != "log" && value != "queue") return bad_value();
      parsed.queue = value == "queue";
    } else if (name == "session") {
      if (value != "kept" && value != "strict") return bad_value();
      parsed.strict_sessions = strict_asked = value == "strict";
    } else if (name == "message_bytes_max") {
      if (!Number(value, 1, uint64_t{1} << 30, number)) return bad_value();
      parsed.message_bytes_max = number;
    } else if (name == "retention_bytes") {
      if (!Number(value, 0, uint64_t{1} << 62, number)) return bad_value();
      parsed.retention_bytes = number;
      retention_asked = number > 0;
    } else if (name == "segment_bytes") {
      if (!Number(value, 1024, uint64_t{1} << 30, number)) return bad_value();
      parsed.segment_bytes = number;
    } else {
      return Bad(url, "unknown parameter \"" + std::string(name) + "\"");
    }
  }
  if (parsed.queue && strict_asked) return Bad(url, "session=strict goes with semantics=log only");
  if (parsed.queue && retention_asked) return Bad(url, "retention_bytes goes with semantics=log only");
  return parsed;
}

}  // namespace millrace::bus
