// Words of steps as what they mean.
#include <algorithm>
#include <cstdlib>

#include "tests/scenarios/actors.h"

namespace millrace::scenarios {

absl::StatusOr<int64_t> ParseNumber(const std::string& word) {
  const bool digits =
      !word.empty() && word.size() < 15 &&
      std::all_of(word.begin() + (word[0] == '-' ? 1 : 0), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || word == "-") return absl::InvalidArgumentError("\"" + word + "\" is not a number");
  return std::strtoll(word.c_str(), nullptr, 10);
}

absl::StatusOr<PlaceName> ParsePlace(const std::string& word) {
  const size_t slash = word.find('/');
  const auto number = ParseNumber(slash == std::string::npos ? "" : word.substr(slash + 1));
  if (slash == 0 || !number.ok()) return absl::InvalidArgumentError("\"" + word + "\" is not TOPIC/PARTITION");
  return PlaceName{word.substr(0, slash), static_cast<int32_t>(*number)};
}

absl::StatusOr<Duration> ParseTime(const std::string& word) {
  const size_t unit = word.find_first_not_of("0123456789");
  const auto number = ParseNumber(word.substr(0, unit));
  const std::string of = unit == std::string::npos ? "" : word.substr(unit);
  if (!number.ok() || (of != "ms" && of != "s"))
    return absl::InvalidArgumentError("\"" + word + "\" is not a time: 500ms, 3s");
  return of == "s" ? Duration(std::chrono::seconds(*number)) : Duration(std::chrono::milliseconds(*number));
}

std::vector<std::string> Texts(const std::vector<std::string>& words, size_t from) {
  std::vector<std::string> texts;
  for (size_t i = from; i < words.size(); ++i) {
    const size_t dots = words[i].find("..");
    const auto digits = [&](const std::string& end) { return end.find_first_of("0123456789"); };
    const std::string first = words[i].substr(0, dots);
    const std::string last = dots == std::string::npos ? "" : words[i].substr(dots + 2);
    const auto begin =
        ParseNumber(dots == std::string::npos ? "" : first.substr(std::min(digits(first), first.size())));
    const auto end = ParseNumber(dots == std::string::npos ? "" : last.substr(std::min(digits(last), last.size())));
    if (!begin.ok() || !end.ok()) {
      texts.push_back(words[i]);
      continue;
    }
    for (int64_t n = *begin; n <= *end; ++n) texts.push_back(first.substr(0, digits(first)) + std::to_string(n));
  }
  return texts;
}

std::string CodeName(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

}  // namespace millrace::scenarios
