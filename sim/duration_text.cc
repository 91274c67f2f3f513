#include "sim/duration_text.h"

#include <charconv>

namespace millrace::sim {
namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
constexpr Unit kUnits[] = {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};

}  // namespace

std::string DurationText(int64_t ns) {
  if (ns == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (ns % unit.ns == 0) return std::to_string(ns / unit.ns) + std::string(unit.name);
  }
  return std::to_string(ns) + "ns";
}

absl::StatusOr<int64_t> ParseDuration(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error == std::errc::result_out_of_range) {
    return absl::InvalidArgumentError("\"" + std::string(text) + "\" is more than 64 bits of nanoseconds hold");
  }
  if (error == std::errc() && number == 0 && rest.empty()) return 0;
  for (const Unit& unit : kUnits) {
    if (error != std::errc() || rest != unit.name) continue;
    int64_t ns = 0;
    if (__builtin_mul_overflow(number, unit.ns, &ns)) {
      return absl::InvalidArgumentError("\"" + std::string(text) + "\" is more than 64 bits of nanoseconds hold");
    }
    return ns;
  }
  return absl::InvalidArgumentError("\"" + std::string(text) +
                                    "\" is no duration; write a whole number and s, ms, us or ns, as in \"250ms\"");
}

}  // namespace millrace::sim
