#include "stages/property/postal.h"

#include <utility>

#include "bus/check.h"
#include "stages/property/country.h"
#include "stages/property/embedded_data.h"

namespace millrace::property {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

bool AllDigits(std::string_view text) {
  for (char c : text) {
    if (!IsDigit(c)) return false;
  }
  return true;
}

bool OneOf(char c, std::string_view letters) { return letters.find(c) != std::string_view::npos; }

// The value of `"zip":"…"` in a line of the data, with JSON's "\\" undone; empty where there is none. The data's own
// form, not JSON at large.
std::string ZipOf(std::string_view line) {
  constexpr std::string_view kMember = "\"zip\":\"";
  const size_t member = line.find(kMember);
  if (member == std::string_view::npos) return {};
  std::string pattern;
  for (size_t i = member + kMember.size(); i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && line[i + 1] == '\\') ++i;
    pattern += line[i];
  }
  return pattern;
}

constexpr std::pair<std::string_view, std::string_view> kPlaceholders[] = {
    {"V1V1V1", "KELOWNA"},
    {"H0H0H0", ""},  // Santa Claus
    {"12345", "SCHENECTADY"},
    {"99999", ""},
};

}  // namespace

bool IsUsPostalCode(std::string_view code) {
  if (code.size() == 5) return AllDigits(code);
  return code.size() == 10 && AllDigits(code.substr(0, 5)) && (code[5] == '-' || code[5] == ' ') &&
         AllDigits(code.substr(6));
}

bool IsCanadianPostalCode(std::string_view code) {
  if (code.size() != 6 && code.size() != 7) return false;
  if (code.size() == 7 && code[3] != ' ') return false;
  constexpr std::string_view kFirst = "ABCEGHJKLMNPRSTVXY", kOther = "ABCEGHJKLMNPRSTVWXYZ";
  const std::string_view last = code.substr(code.size() - 3);
  return OneOf(Upper(code[0]), kFirst) && IsDigit(code[1]) && OneOf(Upper(code[2]), kOther) && IsDigit(last[0]) &&
         OneOf(Upper(last[1]), kOther) && IsDigit(last[2]);
}

PrefixPattern::CharacterSet PrefixPattern::BitOf(char c) {
  if (IsDigit(c)) return CharacterSet{1} << (c - '0');
  if (IsUpper(c)) return CharacterSet{1} << (10 + c - 'A');
  return 0;
}

bool PrefixPattern::CompileAlternative(std::string_view text, std::vector<std::vector<CharacterSet>>* out) {
  std::vector<CharacterSet> prefix;
  for (size_t i = 0; i < text.size(); ++i) {
    CharacterSet set = 0;
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'd') {
      set = 0x3FF;
      ++i;
    } else if (text[i] == '[') {
      const size_t close = text.find(']', i);
      if (close == std::string_view::npos) return false;
      for (++i; i < close; ++i) {
        const char last = i + 2 < close && text[i + 1] == '-' ? text[i + 2] : text[i];
        for (char c = text[i]; c <= last; ++c) set |= BitOf(c);
        if (last != text[i]) i += 2;
      }
    } else {
      set = BitOf(text[i]);
    }
    if (set == 0) return false;
    prefix.push_back(set);
  }
  out->push_back(std::move(prefix));
  return true;
}

bool PrefixPattern::Compile(std::string_view pattern, PrefixPattern* out) {
  out->prefixes_.clear();
  // "969(39|40)" is "96939|96940": the common beginning, then each alternative.
  std::string_view common;
  if (const size_t open = pattern.find('('); open != std::string_view::npos) {
    if (pattern.back() != ')') return false;
    common = pattern.substr(0, open);
    pattern = pattern.substr(open + 1, pattern.size() - open - 2);
    if (common.find('|') != std::string_view::npos) return false;
  }
  while (true) {
    const size_t bar = pattern.find('|');
    std::string alternative(common);
    alternative += pattern.substr(0, bar);
    if (alternative.empty() || !CompileAlternative(alternative, &out->prefixes_)) return false;
    if (bar == std::string_view::npos) return true;
    pattern.remove_prefix(bar + 1);
  }
}

bool PrefixPattern::Matches(std::string_view code) const {
  for (const std::vector<CharacterSet>& prefix : prefixes_) {
    if (prefix.size() > code.size()) continue;
    size_t i = 0;
    while (i < prefix.size() && (prefix[i] & BitOf(code[i])) != 0) ++i;
    if (i == prefix.size()) return true;
  }
  return false;
}

PostalRules::PostalRules() {
  index_.fill(-1);
  std::string_view text = PostalRulesText(), line;
  while (TakeLine(text, line)) {
    // "data/US/WA={…": the state's own line, not a translation ("data/CA/QC--fr").
    constexpr size_t kKeyBytes = 10;
    if (line.size() < kKeyBytes + 1 || line.substr(0, 5) != "data/" || line[7] != '/' || line[kKeyBytes] != '=')
      continue;
    const std::string_view state = line.substr(8, 2);
    PrefixPattern pattern;
    MR_CHECK(IsUpper(state[0]) && IsUpper(state[1]) && PrefixPattern::Compile(ZipOf(line), &pattern)) << line;
    index_[SlotOf(state)] = static_cast<int16_t>(patterns_.size());
    patterns_.push_back(std::move(pattern));
  }
  index_[SlotOf("NF")] = index_[SlotOf("NL")];
}

PostalFault PostalRules::Check(std::string_view country, std::string_view state, std::string_view code) const {
  if (country == "US" ? !IsUsPostalCode(code) : !IsCanadianPostalCode(code)) return PostalFault::kSyntax;
  if (state.empty()) return PostalFault::kNone;
  if (CountryOfState(state) != country) return PostalFault::kUnknownState;
  const int16_t pattern = index_[SlotOf(state)];
  if (pattern < 0) return PostalFault::kUnknownState;
  char upper[5];
  for (size_t i = 0; i < sizeof upper; ++i) upper[i] = Upper(code[i]);
  return patterns_[pattern].Matches({upper, sizeof upper}) ? PostalFault::kNone : PostalFault::kNotOfState;
}

const std::string_view* PlaceholderCity(std::string_view code) {
  char compact[6];
  size_t size = 0;
  for (char c : code) {
    if (c == ' ') continue;
    if (size == sizeof compact) return nullptr;
    compact[size++] = Upper(c);
  }
  for (const auto& [placeholder, city] : kPlaceholders) {
    if (std::string_view(compact, size) == placeholder) return &city;
  }
  return nullptr;
}

}  // namespace millrace::property
