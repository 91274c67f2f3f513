#include "stages/property/errors.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace millrace::property {
namespace {

// A member of a record may have no name at all.
std::string_view Named(std::string_view field) { return field.empty() ? "record" : field; }

constexpr size_t kQuotedBytesMax = 60;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// How many bytes the UTF-8 character at `at` has; 0 when there is none.
size_t CharacterBytes(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const size_t bytes = lead < 0x80                   ? 1
                       : lead >= 0xC2 && lead < 0xE0 ? 2
                       : (lead & 0xF0) == 0xE0       ? 3
                       : lead >= 0xF0 && lead < 0xF5 ? 4
                                                     : 0;
  if (bytes == 0 || at + bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  return bytes;
}

}  // namespace

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size()) {
    const size_t bytes = CharacterBytes(text, at);
    const size_t step = bytes == 0 ? 1 : bytes;
    if (at + step > kQuotedBytesMax) break;
    const std::string_view character = text.substr(at, step);
    // Whole characters pass through; a stray byte must not.
    out += bytes == 0 ? absl::CHexEscape(Absl(character)) : absl::Utf8SafeCHexEscape(Absl(character));
    at += step;
  }
  out += at < text.size() ? absl::StrCat("\"… (", text.size(), " bytes)") : "\"";
  return out;
}

absl::Status Bad(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(Absl(Named(field)), ": ", Absl(what)));
}

absl::Status Bad(std::string_view field, std::string_view what, std::string_view found) {
  return absl::InvalidArgumentError(absl::StrCat(Absl(Named(field)), ": ", Absl(what), "; found ", Quoted(found)));
}

}  // namespace millrace::property
