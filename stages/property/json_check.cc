#include "stages/property/json_check.h"

namespace millrace::property {
namespace {

constexpr std::string_view kBroken = "broken JSON";
constexpr std::string_view kTooDeep = "JSON nested more than 64 deep";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Recursive descent; each function stands at the first character of what it reads and leaves behind its last. False:
// see error().
class Checker {
 public:
  explicit Checker(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool Whole() {
    Blanks();
    if (!Value(0)) return false;
    Blanks();
    return at_ == end_;
  }
  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      return Digits();
    }
    return true;
  }
  bool AtEnd() const { return at_ == end_; }
  bool too_deep() const { return too_deep_; }

 private:
  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool Digits() {
    const char* first = at_;
    while (at_ != end_ && IsDigit(*at_)) ++at_;
    return at_ != first;
  }
  void Blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool Word(std::string_view word) {
    if (static_cast<size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool Escape() {
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ == end_ || !IsHex(*at_)) return false;
    }
    return true;
  }
  bool String() {
    if (!Take('"')) return false;
    while (at_ != end_) {
      const unsigned char c = static_cast<unsigned char>(*at_++);
      if (c == '"') return true;
      if (c < 0x20) return false;
      if (c == '\\' && !Escape()) return false;
    }
    return false;
  }
  bool Member(int depth) {
    if (!String()) return false;
    Blanks();
    if (!Take(':')) return false;
    Blanks();
    return Value(depth);
  }
  bool Container(int depth, bool object) {
    if (depth > kJsonDepthMax) {
      too_deep_ = true;
      return false;
    }
    ++at_;
    const char close = object ? '}' : ']';
    Blanks();
    if (Take(close)) return true;
    while (true) {
      Blanks();
      if (object ? !Member(depth) : !Value(depth)) return false;
      Blanks();
      if (Take(close)) return true;
      if (!Take(',')) return false;
    }
  }
  bool Value(int depth) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return Container(depth + 1, true);
      case '[':
        return Container(depth + 1, false);
      case '"':
        return String();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  const char* at_;
  const char* const end_;
  bool too_deep_ = false;
};

}  // namespace

std::string_view CheckJson(std::string_view text) {
  Checker checker(text);
  if (checker.Whole()) return {};
  return checker.too_deep() ? kTooDeep : kBroken;
}

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  *out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      *out += "\\u00";
      *out += kHex[c >> 4];
      *out += kHex[c & 15];
    } else {
      *out += c;
    }
  }
  *out += '"';
}

void AppendJsonScalar(std::string_view text, std::string* out) {
  Checker checker(text);
  if (checker.Number() && checker.AtEnd()) {
    out->append(text);
  } else {
    AppendJsonString(text, out);
  }
}

}  // namespace millrace::property
