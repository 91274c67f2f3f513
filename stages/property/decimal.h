// Exact decimals: text to a scaled integer, without floating point in between.
//
//   ParseDecimal("1.225e+006", 2, 14).value == 122'500'000      // cents
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_DECIMAL_H_
#define MILLRACE_STAGES_PROPERTY_DECIMAL_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::property {

enum class DecimalError {
  kNone,
  kSyntax,    // not a number in JSON's grammar
  kDecimals,  // more decimals than the scale holds
  kRange,     // more digits than allowed
};

struct Decimal {
  int64_t value = 0;  // times 10^scale
  DecimalError error = DecimalError::kNone;
};

enum class Excess {
  kError,     // decimals beyond the scale are an error
  kTruncate,  // they are dropped, and `error` says kDecimals beside a usable value
};

// Reads a number in JSON's grammar, exponents included, as an integer scaled by 10^`scale`. Like the dictionary's
// N<digits>.<scale> it holds up to `digits` digits, `scale` of them decimals; zeros at the end of the decimals don't
// count. digits <= 18.
Decimal ParseDecimal(std::string_view text, int scale, int digits, Excess excess = Excess::kError);

// What was expected, for messages: "expected a number with at most 14 digits, 2 of them decimals".
std::string DescribeDecimal(int scale, int digits);

// "1180", "0.25", "-122.257": the shortest text that ParseDecimal reads back.
std::string FormatDecimal(int64_t value, int scale);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_DECIMAL_H_
