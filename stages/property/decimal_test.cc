#include "stages/property/decimal.h"

#include <gtest/gtest.h>

namespace millrace::property {
namespace {

constexpr int kMoneyDigits = 14;

int64_t Cents(std::string_view text) {
  const Decimal decimal = ParseDecimal(text, 2, kMoneyDigits);
  EXPECT_EQ(decimal.error, DecimalError::kNone) << text;
  return decimal.value;
}

DecimalError CentsError(std::string_view text) { return ParseDecimal(text, 2, kMoneyDigits).error; }

TEST(DecimalTest, ReadsPlainNumbersExactly) {
  EXPECT_EQ(Cents("0"), 0);
  EXPECT_EQ(Cents("-0"), 0);
  EXPECT_EQ(Cents("221900"), 22'190'000);
  EXPECT_EQ(Cents("0.05"), 5);
  EXPECT_EQ(Cents("-0.5"), -50);
  EXPECT_EQ(Cents("67748.19"), 6'774'819);
  EXPECT_EQ(Cents("641697.500000"), 64'169'750) << "zeros behind the last decimal don't count";
}

TEST(DecimalTest, ReadsExponents) {
  EXPECT_EQ(Cents("1.225e+006"), 122'500'000);
  EXPECT_EQ(Cents("7.7e+006"), 770'000'000);
  EXPECT_EQ(Cents("2E6"), 200'000'000);
  EXPECT_EQ(Cents("1200e-4"), 12);
  EXPECT_EQ(Cents("0e99999999999999999999"), 0);
}

TEST(DecimalTest, HoldsAllDigitsOfTheDictionary) {
  EXPECT_EQ(Cents("999999999999.99"), 99'999'999'999'999);
  EXPECT_EQ(CentsError("1000000000000"), DecimalError::kRange);
  EXPECT_EQ(ParseDecimal("1234567890123456.99", 2, 18).value, 123'456'789'012'345'699);
}

TEST(DecimalTest, SaysWhatIsWrong) {
  for (std::string_view text :
       {"", "-", "+1", ".5", "5.", "007", "1e", "1e+", "1 ", " 1", "0x10", "1,000", "NaN", "Infinity", "١"}) {
    EXPECT_EQ(CentsError(text), DecimalError::kSyntax) << text;
  }
  EXPECT_EQ(CentsError("1.005"), DecimalError::kDecimals);
  EXPECT_EQ(CentsError("1e-3"), DecimalError::kDecimals);
  EXPECT_EQ(CentsError("1e-99999999999999999999"), DecimalError::kDecimals);
  EXPECT_EQ(CentsError("1e400"), DecimalError::kRange);
  EXPECT_EQ(CentsError("1e99999999999999999999"), DecimalError::kRange);
  EXPECT_EQ(CentsError(std::string(5'000, '9')), DecimalError::kRange);
  EXPECT_EQ(CentsError("0." + std::string(5'000, '3')), DecimalError::kDecimals);
}

TEST(DecimalTest, TruncatesOnRequestAndSaysSo) {
  const Decimal degrees = ParseDecimal("-122.2571234567891", 8, 12, Excess::kTruncate);
  EXPECT_EQ(degrees.value, -12'225'712'345);
  EXPECT_EQ(degrees.error, DecimalError::kDecimals);
  EXPECT_EQ(ParseDecimal("47.12345678901234567890123", 8, 12, Excess::kTruncate).value, 4'712'345'678);
  EXPECT_EQ(ParseDecimal("1e-30", 8, 12, Excess::kTruncate).value, 0);
}

TEST(DecimalTest, FormatsWhatItReads) {
  for (std::string_view text : {"0", "0.25", "-122.257", "1180", "-0.00000001", "12.5"}) {
    EXPECT_EQ(FormatDecimal(ParseDecimal(text, 8, 18).value, 8), text);
  }
  EXPECT_EQ(FormatDecimal(1180, 0), "1180");
  EXPECT_EQ(FormatDecimal(INT64_MIN, 0), "-9223372036854775808");
}

}  // namespace
}  // namespace millrace::property
