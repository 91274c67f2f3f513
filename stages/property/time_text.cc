#include "stages/property/time_text.h"

#include <chrono>

namespace millrace::property {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kSecondsPerDay = 86'400;

// Reads exactly `count` digits; -1 when there are none.
int Digits(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<CivilDay> MakeDay(int year, int month, int day) {
  std::optional<int32_t> days = DaysFromCivil(year, month, day);
  if (!days) return std::nullopt;
  return CivilDay{year, month, day, *days};
}

// Reads ".123" at `at`, which moves behind it; -1 for a point without digits.
int64_t FractionMicros(std::string_view text, size_t& at) {
  if (at >= text.size() || text[at] != '.') return 0;
  const size_t first = ++at;
  int64_t micros = 0;
  int64_t unit = kMicrosPerSecond / 10;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) micros += unit * (text[at] - '0');
  return at == first ? -1 : micros;
}

// Reads "Z" or "-08:00" at `at` to the end, as seconds east of UTC.
std::optional<int> OffsetSeconds(std::string_view text, size_t at) {
  if (at >= text.size()) return std::nullopt;
  if (text[at] == 'Z') return at + 1 == text.size() ? std::optional<int>(0) : std::nullopt;
  if ((text[at] != '+' && text[at] != '-') || text.size() != at + 6 || text[at + 3] != ':') return std::nullopt;
  const int hours = Digits(text, at + 1, 2), minutes = Digits(text, at + 4, 2);
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return std::nullopt;
  const int seconds = hours * 3600 + minutes * 60;
  return text[at] == '-' ? -seconds : seconds;
}

void AppendPadded(std::string& out, int value, int width) {
  char digits[8];
  for (int i = width; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits, width);
}

}  // namespace

std::optional<int32_t> DaysFromCivil(int year, int month, int day) {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<CivilDay> ParseDay(std::string_view text) {
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    return MakeDay(Digits(text, 0, 4), Digits(text, 5, 2), Digits(text, 8, 2));
  }
  if (text.size() == 15 && text.substr(8) == "T000000") {
    return MakeDay(Digits(text, 0, 4), Digits(text, 4, 2), Digits(text, 6, 2));
  }
  return std::nullopt;
}

std::string FormatDay(const CivilDay& day) {
  std::string out;
  AppendPadded(out, day.year, 4);
  out += '-';
  AppendPadded(out, day.month, 2);
  out += '-';
  AppendPadded(out, day.day, 2);
  return out;
}

std::optional<int64_t> ParseInstant(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
  const std::optional<CivilDay> day = ParseDay(text.substr(0, 10));
  const int hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!day || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
  size_t at = 19;
  const int64_t micros = FractionMicros(text, at);
  const std::optional<int> offset = OffsetSeconds(text, at);
  if (micros < 0 || !offset) return std::nullopt;
  const int64_t seconds = day->days * kSecondsPerDay + hour * 3600 + minute * 60 + second - *offset;
  return seconds * kMicrosPerSecond + micros;
}

std::string FormatInstant(int64_t micros) {
  const std::chrono::sys_time<std::chrono::microseconds> at{std::chrono::microseconds(micros)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const int64_t in_day = (at - day).count();
  const int seconds = static_cast<int>(in_day / kMicrosPerSecond);
  std::string out = FormatDay({static_cast<int>(date.year()), static_cast<int>(static_cast<unsigned>(date.month())),
                               static_cast<int>(static_cast<unsigned>(date.day())), 0});
  out += 'T';
  AppendPadded(out, seconds / 3600, 2);
  out += ':';
  AppendPadded(out, seconds / 60 % 60, 2);
  out += ':';
  AppendPadded(out, seconds % 60, 2);
  if (const int fraction = static_cast<int>(in_day % kMicrosPerSecond); fraction != 0) {
    out += '.';
    AppendPadded(out, fraction, 6);
    while (out.back() == '0') out.pop_back();
  }
  return out + 'Z';
}

}  // namespace millrace::property
