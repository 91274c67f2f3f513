#include "ops/bus_options.h"

#include <algorithm>
#include <string_view>

namespace millrace::ops {
namespace {

std::string Encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  // What may stand in the query of a URL, but for what separates parameters and stands for other characters.
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/,;=@!*()$'";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace

absl::StatusOr<BusOptions> ParseBusOptions(const std::vector<std::string>& given) {
  BusOptions options;
  for (size_t i = 0; i < given.size(); ++i) {
    const size_t equals = given[i].find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("bus option " + std::to_string(i + 1) +
                                        " is not of the form name=value (it is not shown, as it may be a secret)");
    }
    options.emplace_back(given[i].substr(0, equals), given[i].substr(equals + 1));
  }
  return options;
}

std::string WithBusOptions(const std::string& url, const BusOptions& options) {
  if (options.empty()) return url;
  const size_t question = url.find('?');
  std::string out = url.substr(0, question);
  char separator = '?';
  const auto add = [&](std::string_view parameter) {
    out += separator;
    out += parameter;
    separator = '&';
  };
  std::string_view rest =
      question == std::string::npos ? std::string_view() : std::string_view(url).substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::string_view name = pair.substr(0, pair.find('='));
    const bool replaced =
        std::any_of(options.begin(), options.end(), [&](const auto& option) { return option.first == name; });
    if (!replaced) add(pair);
  }
  for (size_t i = 0; i < options.size(); ++i) {
    const bool last = std::none_of(options.begin() + static_cast<ptrdiff_t>(i) + 1, options.end(),
                                   [&](const auto& later) { return later.first == options[i].first; });
    if (last) add(options[i].first + "=" + Encoded(options[i].second));
  }
  return out;
}

}  // namespace millrace::ops
