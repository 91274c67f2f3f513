// Postal codes of the United States and Canada: their syntax, and which state or province each may belong to, after
// data/address_libaddressinput.
//
//   PostalRules rules;                                    // compiles the patterns: build one per stage
//   rules.Check("CA", "BC", "V6R 2C7") == PostalFault::kNone
//
// Threading: immutable after construction.
#ifndef MILLRACE_STAGES_PROPERTY_POSTAL_H_
#define MILLRACE_STAGES_PROPERTY_POSTAL_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::property {

enum class PostalFault {
  kNone,
  kSyntax,        // no postal code of that country
  kNotOfState,    // of another state or province
  kUnknownState,  // no such state or province in that country
};

// US: 5 digits, or 5 and 4 with '-' or a blank between. Canada: A1A 1A1, the blank may be missing, letters of either
// case.
bool IsUsPostalCode(std::string_view code);
bool IsCanadianPostalCode(std::string_view code);

// The prefixes that a pattern of the data describes ("71[6-9]|72", "969([1-2]\d|3[12])"): each is a sequence of sets of
// characters.
class PrefixPattern {
 public:
  // Understands characters, [sets], \d, one level of (a|b) and alternatives. False for anything else.
  static bool Compile(std::string_view pattern, PrefixPattern* out);
  // Whether `code` begins with one of the prefixes. Letters must be upper case.
  bool Matches(std::string_view code) const;

 private:
  using CharacterSet = uint64_t;  // digits are bits 0 … 9, letters 10 … 35
  static CharacterSet BitOf(char c);
  static bool CompileAlternative(std::string_view text, std::vector<std::vector<CharacterSet>>* out);

  std::vector<std::vector<CharacterSet>> prefixes_;
};

class PostalRules {
 public:
  PostalRules();
  // `country` is "US" or "CA". NF counts as NL. Without a state only the syntax is looked at.
  PostalFault Check(std::string_view country, std::string_view state, std::string_view code) const;

 private:
  static constexpr int kLetters = 26;
  static size_t SlotOf(std::string_view state) { return (state[0] - 'A') * kLetters + (state[1] - 'A'); }

  std::array<int16_t, kLetters * kLetters> index_;  // by SlotOf: into patterns_; -1 where there is no such state
  std::vector<PrefixPattern> patterns_;
};

// Codes that are typed to get past a form. The city where the code is real, or empty when it is nowhere; nullptr when
// `code` is no such code.
const std::string_view* PlaceholderCity(std::string_view code);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_POSTAL_H_
