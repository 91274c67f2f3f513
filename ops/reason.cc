#include "ops/reason.h"

#include <algorithm>

namespace millrace::ops {
namespace {

constexpr size_t kMaskedBytesMax = 200;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A digit as in "B2" or "UTF-8".
bool PartOfAWord(std::string_view text, size_t at) {
  if (at > 0 && text[at - 1] == '-') --at;
  return at > 0 && IsLetter(text[at - 1]);
}

// The word before the first ": ", when all of its characters are `allowed`; it is then taken off `text`.
template <typename Allowed>
std::string_view TakeLabel(std::string_view* text, Allowed allowed) {
  const size_t end = text->find(": ");
  if (end == std::string_view::npos || end == 0) return {};
  const std::string_view label = text->substr(0, end);
  if (!std::all_of(label.begin(), label.end(), allowed)) return {};
  text->remove_prefix(end + 2);
  return label;
}

bool PartOfAField(char c) { return IsLetter(c) || IsDigit(c) || c == '_' || c == '.' || c == '[' || c == ']'; }

// `ClosePrice`, or with the source's name for it, `ClosePrice (price)`.
std::string_view TakeField(std::string_view* text) {
  const size_t end = text->find(": ");
  if (end == std::string_view::npos) return {};
  const std::string_view label = text->substr(0, end);
  const size_t open = label.find(" (");
  const bool two_names = open != std::string_view::npos && open > 0 && label.back() == ')';
  const std::string_view field = two_names ? label.substr(0, open) : label;
  const std::string_view column = two_names ? label.substr(open + 2, end - open - 3) : std::string_view();
  const auto is_name = [](std::string_view name) { return std::all_of(name.begin(), name.end(), PartOfAField); };
  if (field.empty() || !is_name(field) || !is_name(column)) return {};
  text->remove_prefix(end + 2);
  return label;
}

}  // namespace

Reason SplitReason(std::string_view status) {
  Reason reason;
  reason.code = TakeLabel(&status, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
  reason.field = TakeField(&status);
  reason.text = status;
  return reason;
}

std::string MaskValues(std::string_view text) {
  std::string masked;
  for (size_t i = 0; i < text.size() && masked.size() < kMaskedBytesMax;) {
    const char c = text[i];
    if (c == '"') {
      const size_t end = text.find('"', i + 1);
      masked += "\"…\"";
      i = end == std::string_view::npos ? text.size() : end + 1;
    } else if (IsDigit(c) && !PartOfAWord(text, i)) {
      while (i < text.size() &&
             (IsDigit(text[i]) || ((text[i] == '.' || text[i] == ',') && i + 1 < text.size() && IsDigit(text[i + 1]))))
        ++i;
      masked += "N";
    } else {
      masked += c;
      ++i;
    }
  }
  return masked;
}

}  // namespace millrace::ops
