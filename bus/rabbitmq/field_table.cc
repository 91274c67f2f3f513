#include "bus/rabbitmq/field_table.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "bus/rabbitmq/byte_buffer.h"

namespace millrace::bus {
namespace {

constexpr int kDepthMax = 32;

// Bytes of a value of fixed size; -1 for those with a length before them, -2 for kinds that don't exist.
int FixedSize(char kind) {
  switch (kind) {
    case 'V':
      return 0;
    case 't':
    case 'b':
    case 'B':
      return 1;
    case 's':
    case 'u':
      return 2;
    case 'I':
    case 'i':
    case 'f':
      return 4;
    case 'l':
    case 'L':
    case 'd':
    case 'T':
      return 8;
    case 'D':
      return 5;
    case 'S':
    case 'x':
    case 'A':
    case 'F':
      return -1;
    default:
      return -2;
  }
}

// Takes kind and value off the front; false where the bytes end too early or the kind is unknown.
bool TakeValue(std::string_view& bytes, Field& field) {
  if (bytes.empty()) return false;
  field.kind = bytes[0];
  bytes.remove_prefix(1);
  const int fixed = FixedSize(field.kind);
  if (fixed == -2) return false;
  size_t size = fixed < 0 ? 0 : static_cast<size_t>(fixed);
  if (fixed < 0) {
    if (bytes.size() < 4) return false;
    size = Get32(bytes.data());
    bytes.remove_prefix(4);
  }
  if (bytes.size() < size) return false;
  field.value = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

template <class Number>
void AppendNumber(Number number, std::string& out) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  if (error == std::errc()) out.append(text, end);
}

template <class Float, class Bits>
Float FloatOf(Bits bits) {
  Float value;
  static_assert(sizeof(value) == sizeof(bits));
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = byte < 0x80 ? 1 : byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

void AppendJsonString(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  const bool utf8 = IsUtf8(text);
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || (byte >= 0x80 && !utf8)) {
      out.append("\\u00").push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void AppendDecimal(std::string_view value, std::string& out) {
  const auto scale = static_cast<size_t>(static_cast<unsigned char>(value[0]));
  std::string digits;
  AppendNumber(Get32(value.data() + 1), digits);
  if (scale > 0) {
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    digits.insert(digits.size() - scale, ".");
  }
  out.append(digits);
}

// Whether it is one of the kinds that are written alike inside and outside of JSON.
bool AppendScalar(const Field& field, std::string& out) {
  const char* at = field.value.data();
  switch (field.kind) {
    case 't':
      out.append(*at != 0 ? "true" : "false");
      return true;
    case 'L':
    case 'T':
      AppendNumber(Get64(at), out);
      return true;
    case 'f':
      AppendNumber(FloatOf<float>(Get32(at)), out);
      return true;
    case 'd':
      AppendNumber(FloatOf<double>(Get64(at)), out);
      return true;
    case 'D':
      AppendDecimal(field.value, out);
      return true;
    default:
      break;
  }
  const std::optional<int64_t> integer = IntegerOf(field);
  if (integer.has_value()) AppendNumber(*integer, out);
  return integer.has_value();
}

bool AppendJson(const Field& field, int depth, std::string& out) {
  if (depth > kDepthMax) return false;
  switch (field.kind) {
    case 'V':
      out.append("null");
      return true;
    case 'S':
    case 'x':
      AppendJsonString(field.value, out);
      return true;
    case 'A': {
      std::string_view rest = field.value;
      out.push_back('[');
      for (bool first = true; !rest.empty(); first = false) {
        Field element;
        if (!first) out.push_back(',');
        if (!TakeValue(rest, element) || !AppendJson(element, depth + 1, out)) return false;
      }
      out.push_back(']');
      return true;
    }
    case 'F': {
      FieldTable table(field.value);
      out.push_back('{');
      bool first = true;
      while (const std::optional<Field> entry = table.Next()) {
        if (!first) out.push_back(',');
        first = false;
        AppendJsonString(entry->name, out);
        out.push_back(':');
        if (!AppendJson(*entry, depth + 1, out)) return false;
      }
      out.push_back('}');
      return table.ok();
    }
    case 'f':
    case 'd': {
      // JSON has no infinities and no NaN.
      const double number =
          field.kind == 'f' ? FloatOf<float>(Get32(field.value.data())) : FloatOf<double>(Get64(field.value.data()));
      if (!std::isfinite(number)) {
        out.append("null");
        return true;
      }
      return AppendScalar(field, out);
    }
    default:
      return AppendScalar(field, out);
  }
}

}  // namespace

std::optional<Field> FieldTable::Next() {
  if (rest_.empty() || !ok_) return std::nullopt;
  Field field;
  const size_t length = static_cast<unsigned char>(rest_[0]);
  ok_ = rest_.size() > length;
  if (!ok_) return std::nullopt;
  field.name = rest_.substr(1, length);
  rest_.remove_prefix(1 + length);
  ok_ = TakeValue(rest_, field);
  if (!ok_) return std::nullopt;
  return field;
}

std::optional<int64_t> IntegerOf(const Field& field) {
  const char* at = field.value.data();
  switch (field.kind) {
    case 'b':
      return static_cast<signed char>(*at);
    case 'B':
      return static_cast<unsigned char>(*at);
    case 's':
      return static_cast<int16_t>(Get16(at));
    case 'u':
      return Get16(at);
    case 'I':
      return static_cast<int32_t>(Get32(at));
    case 'i':
      return Get32(at);
    case 'l':
      return static_cast<int64_t>(Get64(at));
    default:
      return std::nullopt;
  }
}

void AppendAsText(const Field& field, std::string& out) {
  if (field.kind == 'V') return;
  if (field.kind == 'S' || field.kind == 'x') {
    out.append(field.value);
    return;
  }
  if (field.kind != 'A' && field.kind != 'F') {
    AppendScalar(field, out);
    return;
  }
  const size_t before = out.size();
  if (AppendJson(field, 0, out)) return;
  out.resize(before);
  out.append(field.value);
}

}  // namespace millrace::bus
