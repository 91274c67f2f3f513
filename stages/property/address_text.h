// From the text of an address line to its words.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_ADDRESS_TEXT_H_
#define MILLRACE_STAGES_PROPERTY_ADDRESS_TEXT_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::property {

// Appends `text` in upper case, with Latin accents folded (É → E, Œ → OE), blanks made single, and without the
// punctuation that both post offices leave out. What stays: '#' and '/' and '&', a hyphen, a point between digits, and,
// where `keep_apostrophes`, apostrophes inside words. Applying it to its own result changes nothing.
void AppendClean(std::string_view text, bool keep_apostrophes, std::string* out);

// Up to kMax words, which view into the text they were split from. '#' is a word of its own.
struct AddressTokens {
  static constexpr size_t kMax = 24;
  std::array<std::string_view, kMax> words;
  size_t count = 0;
};

// False when there are more words than fit.
bool SplitClean(std::string_view clean, AddressTokens* tokens);

inline bool IsDigitChar(char c) { return c >= '0' && c <= '9'; }
// Digits only, at least one.
bool IsAllDigits(std::string_view word);
// "9TH", "1ST"; in French "1RE", "2E", "8EME".
bool IsOrdinal(std::string_view word, bool french);
// What a house number looks like: begins with a digit and is no ordinal.
bool IsHouseNumber(std::string_view word, bool french);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_ADDRESS_TEXT_H_
