#include "ops/json_writer.h"

#include <cmath>
#include <cstdio>

namespace millrace::ops {
namespace {

// Length of the well-formed character at the start of `s`, 0 where there is none.
size_t CharacterBytes(std::string_view s) {
  const auto byte = [&](size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned a = byte(0), b = byte(1);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return tail(1) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const bool in_range = a == 0xe0 ? b >= 0xa0 : a == 0xed ? b <= 0x9f : true;
    return tail(1) && in_range && tail(2) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const bool in_range = a == 0xf0 ? b >= 0x90 : a == 0xf4 ? b <= 0x8f : true;
    return tail(1) && in_range && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(std::string_view value, std::string* out) {
  size_t plain = 0;  // start of what is copied as it is
  for (size_t i = 0; i < value.size();) {
    const unsigned char c = static_cast<unsigned char>(value[i]);
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const size_t bytes = c < 0x80 ? 1 : CharacterBytes(value.substr(i, 4));
    if (bytes > 1) {
      i += bytes;
      continue;
    }
    out->append(value, plain, i - plain);
    plain = ++i;
    char code[8];
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        if (bytes == 0) {
          *out += "\xef\xbf\xbd";
        } else {
          std::snprintf(code, sizeof(code), "\\u%04x", c);
          *out += code;
        }
    }
  }
  out->append(value, plain);
}

}  // namespace

void JsonWriter::Separate() {
  if (!first_ && !after_key_) *out_ += ',';
  first_ = false;
  after_key_ = false;
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  *out_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  *out_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  String(key);
  *out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view value) {
  Separate();
  *out_ += '"';
  AppendEscaped(value, out_);
  *out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::Number(uint64_t value) {
  Separate();
  *out_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::Seconds(double value) {
  Separate();
  char text[64];
  std::snprintf(text, sizeof(text), "%.3f", std::isfinite(value) ? value : 0.0);
  *out_ += text;
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  Separate();
  *out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Null() {
  Separate();
  *out_ += "null";
  return *this;
}

JsonWriter& JsonWriter::Bytes(std::string_view key, std::string_view value) {
  if (IsUtf8(value)) return Key(key).String(value);
  return Key(std::string(key) + "_base64").String(Base64(value));
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t character = CharacterBytes(bytes.substr(0, 4));
    if (character == 0) return false;
    bytes.remove_prefix(character);
  }
  return true;
}

std::string Base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t j) { return i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u; };
    const uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += kDigits[bits >> 18];
    out += kDigits[bits >> 12 & 63];
    out += i + 1 < bytes.size() ? kDigits[bits >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kDigits[bits & 63] : '=';
  }
  return out;
}

}  // namespace millrace::ops
