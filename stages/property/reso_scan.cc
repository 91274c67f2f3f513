#include "stages/property/reso_scan.h"

#include <array>
#include <cstring>

namespace millrace::property {
namespace {

enum Kind : uint8_t { kOther = 0, kQuote, kOpen, kClose };

constexpr std::array<uint8_t, 256> MakeKinds() {
  std::array<uint8_t, 256> kinds{};
  kinds['"'] = kQuote;
  kinds['{'] = kinds['['] = kOpen;
  kinds['}'] = kinds[']'] = kClose;
  return kinds;
}
constexpr std::array<uint8_t, 256> kKinds = MakeKinds();

bool EndsScalar(char c) { return IsJsonBlank(c) || c == ',' || c == ']' || c == '}' || c == ':'; }

}  // namespace

size_t JsonSkipper::Skip(std::string_view chunk) {
  const char* const data = chunk.data();
  const size_t size = chunk.size();
  size_t at = 0;
  while (at < size && !done_ && !bad_) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
        ++at;
        continue;
      }
      while (at < size && data[at] != '"' && data[at] != '\\') ++at;
      if (at == size) break;
      if (data[at++] == '\\') {
        escaped_ = true;
      } else {
        in_string_ = false;
        done_ = depth_ == 0;
      }
      continue;
    }
    if (scalar_) {
      while (at < size && !EndsScalar(data[at])) ++at;
      done_ = at < size;
      continue;
    }
    if (depth_ > 0) {
      while (at < size && kKinds[static_cast<unsigned char>(data[at])] == kOther) ++at;
      if (at == size) break;
    }
    const uint8_t kind = kKinds[static_cast<unsigned char>(data[at])];
    if (kind == kOther || (kind == kClose && depth_ == 0)) {
      if (EndsScalar(data[at]) || kind == kClose) {
        bad_ = true;
      } else {
        scalar_ = true;
      }
      continue;
    }
    ++at;
    if (kind == kQuote) {
      in_string_ = true;
    } else if (kind == kOpen) {
      ++depth_;
    } else {
      done_ = --depth_ == 0;
    }
  }
  return at;
}

std::optional<std::string_view> FindPlainMember(std::string_view object, std::string_view name) {
  for (size_t from = 0; true;) {
    const size_t found = object.find(name, from);
    if (found == std::string_view::npos) return std::nullopt;
    from = found + name.size();
    size_t at = from;
    const bool quoted = found > 0 && object[found - 1] == '"' && at < object.size() && object[at] == '"';
    if (!quoted || (found > 1 && object[found - 2] == '\\')) continue;
    ++at;
    while (at < object.size() && IsJsonBlank(object[at])) ++at;
    if (at == object.size() || object[at] != ':') continue;
    ++at;
    while (at < object.size() && IsJsonBlank(object[at])) ++at;
    if (at == object.size()) return std::nullopt;
    if (object[at] == '"') {
      const size_t end = object.find_first_of("\"\\", at + 1);
      if (end == std::string_view::npos || object[end] == '\\') return std::nullopt;
      return object.substr(at + 1, end - at - 1);
    }
    size_t end = at;
    while (end < object.size() && !EndsScalar(object[end]) && kKinds[static_cast<unsigned char>(object[end])] == kOther)
      ++end;
    return end == at ? std::nullopt : std::optional(object.substr(at, end - at));
  }
}

}  // namespace millrace::property
