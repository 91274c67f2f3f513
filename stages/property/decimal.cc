#include "stages/property/decimal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace millrace::property {
namespace {

constexpr int64_t kPowers[] = {1,
                               10,
                               100,
                               1'000,
                               10'000,
                               100'000,
                               1'000'000,
                               10'000'000,
                               100'000'000,
                               1'000'000'000,
                               10'000'000'000,
                               100'000'000'000,
                               1'000'000'000'000,
                               10'000'000'000'000,
                               100'000'000'000'000,
                               1'000'000'000'000'000,
                               10'000'000'000'000'000,
                               100'000'000'000'000'000,
                               1'000'000'000'000'000'000};
constexpr int kPowersMax = 18;
// Exponents beyond it are as good as it: no number of so many digits is in range.
constexpr int kExponentMax = 1'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The digits that matter, as an integer: value = mantissa × 10^exponent. `mantissa` holds the first 18 digits behind
// leading zeros.
struct Digits {
  int64_t mantissa = 0;
  int count = 0;        // digits in mantissa
  int64_t zeros = 0;    // zeros seen since the last digit other than zero: not in mantissa yet
  int64_t dropped = 0;  // digits for which mantissa had no room, the last of them not zero

  void Add(char c) {
    if (c == '0') {
      if (count > 0) ++zeros;
      return;
    }
    for (; zeros > 0; --zeros) Push(0);
    Push(c - '0');
  }
  void Push(int digit) {
    if (count == kPowersMax) {
      ++dropped;
    } else {
      mantissa = mantissa * 10 + digit;
      ++count;
    }
  }
};

// Reads "e+006" at `p`. False when it is not an exponent.
bool ReadExponent(const char*& p, const char* end, int& exponent) {
  if (p == end || (*p != 'e' && *p != 'E')) return true;
  ++p;
  bool negative = false;
  if (p != end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  if (p == end) return false;
  for (; p != end && IsDigit(*p); ++p) exponent = std::min(exponent * 10 + (*p - '0'), kExponentMax);
  if (!IsDigit(p[-1])) return false;
  if (negative) exponent = -exponent;
  return true;
}

// mantissa × 10^power, within `digits` digits.
Decimal Scale(int64_t mantissa, int64_t power, bool inexact, int digits, Excess excess) {
  if (mantissa == 0) return {};
  if (power < 0) {
    const bool too_small = power < -kPowersMax;
    const int64_t divisor = too_small ? 1 : kPowers[-power];
    if (too_small || mantissa % divisor != 0) inexact = true;
    mantissa = too_small ? 0 : mantissa / divisor;
  } else {
    if (power > kPowersMax || mantissa > kPowers[kPowersMax] / kPowers[power]) return {0, DecimalError::kRange};
    mantissa *= kPowers[power];
  }
  if (mantissa >= kPowers[digits]) return {0, DecimalError::kRange};
  if (!inexact) return {mantissa, DecimalError::kNone};
  return {excess == Excess::kTruncate ? mantissa : 0, DecimalError::kDecimals};
}

}  // namespace

Decimal ParseDecimal(std::string_view text, int scale, int digits, Excess excess) {
  const Decimal syntax{0, DecimalError::kSyntax};
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  if (p == end || !IsDigit(*p)) return syntax;
  Digits all;
  if (*p == '0') {
    ++p;
  } else {
    for (; p != end && IsDigit(*p); ++p) all.Add(*p);
  }
  int64_t decimals = 0;
  if (p != end && *p == '.') {
    const char* const first = ++p;
    for (; p != end && IsDigit(*p); ++p) all.Add(*p);
    decimals = p - first;
    if (decimals == 0) return syntax;
  }
  int exponent = 0;
  if (!ReadExponent(p, end, exponent) || p != end) return syntax;

  const int64_t power = exponent - decimals + all.zeros + all.dropped + scale;
  Decimal result = Scale(all.mantissa, power, all.dropped > 0, digits, excess);
  if (negative) result.value = -result.value;
  return result;
}

std::string DescribeDecimal(int scale, int digits) {
  if (scale == 0) return absl::StrCat("expected a whole number of at most ", digits, " digits");
  return absl::StrCat("expected a number of at most ", digits, " digits, ", scale, " of them decimals");
}

std::string FormatDecimal(int64_t value, int scale) {
  const bool negative = value < 0;
  const uint64_t magnitude = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  std::string digits = absl::StrCat(magnitude);
  if (static_cast<int>(digits.size()) <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) {
    digits.insert(digits.size() - scale, 1, '.');
    while (digits.back() == '0') digits.pop_back();
    if (digits.back() == '.') digits.pop_back();
  }
  return negative ? absl::StrCat("-", digits) : digits;
}

}  // namespace millrace::property
