#include "stages/property/address_text.h"

#include <algorithm>

namespace millrace::property {
namespace {

// U+00C0 … U+00FF in ASCII capitals; '\0' where there is no letter, and lower-case marks for two letters.
constexpr std::string_view kLatin1(
    "AAAAAAaCEEEEIIII"
    "DNOOOOO\0OUUUUYts"
    "AAAAAAaCEEEEIIII"
    "DNOOOOO\0OUUUUYtY",
    64);

bool IsPunctuationDropped(char c) { return c == '"' || c == '*' || c == '`'; }
bool IsPunctuationBlank(unsigned char c) {
  return c <= ' ' || c == ',' || c == ';' || c == ':' || c == '(' || c == ')' || c == '_' || c == '[' || c == ']' ||
         c == 0x7F;
}

// Folds the two bytes of a Latin letter; false when they are none.
bool AppendFolded(char lead, char trail, std::string* out) {
  if ((trail & 0xC0) != 0x80) return false;
  if (lead == '\xC3') {
    const char folded = kLatin1[trail & 0x3F];
    if (folded == '\0') return false;
    if (folded == 'a') {
      *out += "AE";
    } else if (folded == 't') {
      *out += "TH";
    } else if (folded == 's') {
      *out += "SS";
    } else {
      *out += folded;
    }
    return true;
  }
  if (lead == '\xC5' && (trail == '\x92' || trail == '\x93')) {
    *out += "OE";
    return true;
  }
  if (lead == '\xC5' && trail == '\xB8') {
    *out += 'Y';
    return true;
  }
  return false;
}

// Whether `c` is a letter, or the first byte of one that is folded.
bool BeginsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '\xC3' || c == '\xC5'; }

// Characters beyond ASCII that mean one of ASCII.
struct Replacement {
  std::string_view text;
  char with;
};
constexpr Replacement kReplacements[] = {
    {"\xC2\xA0", ' '},                                                     // no-break space
    {"\xE2\x80\x90", '-'},  {"\xE2\x80\x91", '-'}, {"\xE2\x80\x92", '-'},  // hyphens and dashes
    {"\xE2\x80\x93", '-'},  {"\xE2\x80\x94", '-'}, {"\xE2\x80\x98", '\''},
    {"\xE2\x80\x99", '\''},  // typographic apostrophes
};

const Replacement* FindReplacement(std::string_view text, size_t at) {
  if (text[at] != '\xC2' && text[at] != '\xE2') return nullptr;
  for (const Replacement& replacement : kReplacements) {
    if (text.compare(at, replacement.text.size(), replacement.text) == 0) return &replacement;
  }
  return nullptr;
}

// An accent on its own, behind its letter: U+0300 … U+036F.
bool IsCombining(char lead, char trail) {
  return (lead == '\xCC' && (trail & 0xC0) == 0x80) || (lead == '\xCD' && (trail & 0xC0) == 0x80 && trail <= '\xAF');
}

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80; }

}  // namespace

void AppendClean(std::string_view text, bool keep_apostrophes, std::string* out) {
  const size_t first = out->size();
  bool blank = false;
  // Puts the blank that came before, if any, in front of what is appended next.
  const auto separate = [&] {
    if (blank && out->size() > first) *out += ' ';
    blank = false;
  };
  // Whether something was appended that the next character would touch.
  const auto touches = [&] { return !blank && out->size() > first; };
  for (size_t i = 0; i < text.size(); ++i) {
    const Replacement* replaced = FindReplacement(text, i);
    const char c = replaced != nullptr ? replaced->with : text[i];
    if (replaced != nullptr) i += replaced->text.size() - 1;
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    if (c == '\'') {
      if (keep_apostrophes && touches() && IsLetter(out->back()) && BeginsLetter(next)) *out += c;
    } else if (c == '.') {
      if (touches() && IsDigitChar(out->back()) && IsDigitChar(next)) *out += c;
    } else if (IsPunctuationDropped(c)) {
      continue;
    } else if (IsPunctuationBlank(static_cast<unsigned char>(c))) {
      blank = true;
    } else if (c == '#') {
      blank = true;
      separate();
      *out += c;
      blank = true;
    } else if (IsCombining(c, next)) {
      ++i;
    } else {
      separate();
      if (c >= 'a' && c <= 'z') {
        *out += static_cast<char>(c - 32);
      } else if (AppendFolded(c, next, out)) {
        ++i;
      } else {
        *out += c;
      }
    }
  }
}

bool SplitClean(std::string_view clean, AddressTokens* tokens) {
  tokens->count = 0;
  for (size_t at = 0; at < clean.size();) {
    const size_t end = std::min(clean.find(' ', at), clean.size());
    if (end > at) {
      if (tokens->count == AddressTokens::kMax) return false;
      tokens->words[tokens->count++] = clean.substr(at, end - at);
    }
    at = end + 1;
  }
  return true;
}

bool IsAllDigits(std::string_view word) {
  for (char c : word) {
    if (!IsDigitChar(c)) return false;
  }
  return !word.empty();
}

bool IsOrdinal(std::string_view word, bool french) {
  size_t digits = 0;
  while (digits < word.size() && IsDigitChar(word[digits])) ++digits;
  if (digits == 0) return false;
  const std::string_view ending = word.substr(digits);
  if (ending == "TH" || ending == "ST" || ending == "ND" || ending == "RD") return true;
  return french && (ending == "E" || ending == "ER" || ending == "RE" || ending == "EME" || ending == "IEME" ||
                    ending == "ERE" || ending == "IERE");
}

bool IsHouseNumber(std::string_view word, bool french) {
  return !word.empty() && IsDigitChar(word[0]) && !IsOrdinal(word, french);
}

}  // namespace millrace::property
