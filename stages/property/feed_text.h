// Small pieces of text that every record needs, written without allocation.
//
// Threading: pure functions over the caller's string.
#ifndef MILLRACE_STAGES_PROPERTY_FEED_TEXT_H_
#define MILLRACE_STAGES_PROPERTY_FEED_TEXT_H_

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "bus/digest.h"

namespace millrace::property {

inline void AppendNumber(uint64_t value, std::string* out) {
  char digits[20];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
  out->append(digits, static_cast<size_t>(end.ptr - digits));
}

inline void AppendDigest(std::string_view bytes, std::string* out) {
  char hex[16];
  bus::WriteHex(bus::Digest64(bytes), hex);
  out->append(hex, sizeof hex);
}

// Takes the number at the front of `text` and the blank behind it. False where there is none.
inline bool TakeNumber(std::string_view* text, uint64_t* value) {
  const std::from_chars_result end = std::from_chars(text->data(), text->data() + text->size(), *value);
  if (end.ec != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end.ptr - text->data()));
  if (!text->empty() && text->front() == ' ') text->remove_prefix(1);
  return true;
}

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FEED_TEXT_H_
