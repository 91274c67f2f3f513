#include "stages/property/postal.h"

#include <gtest/gtest.h>

#include <string>

#include "stages/property/country.h"
#include "stages/property/embedded_data.h"

namespace millrace::property {
namespace {

TEST(PostalTest, KnowsTheSyntax) {
  for (std::string_view code : {"98178", "22162-1010", "22162 1010"}) EXPECT_TRUE(IsUsPostalCode(code)) << code;
  for (std::string_view code : {"", "9817", "981780", "98178-", "98178-12", "98178_1234", "9817A", "98178-123A"})
    EXPECT_FALSE(IsUsPostalCode(code)) << code;
  for (std::string_view code : {"V6R 2C7", "V6R2C7", "v6r 2c7", "K1A 0B1"})
    EXPECT_TRUE(IsCanadianPostalCode(code)) << code;
  for (std::string_view code :
       {"", "V6R", "V6R  2C7", "D6R 2C7", "W6R 2C7", "V6D 2C7", "V6R 2O7", "VV6 2C7", "V6R-2C7", "V6R 2C77"}) {
    EXPECT_FALSE(IsCanadianPostalCode(code)) << code;
  }
}

// The patterns above are written by hand; these are what the data says.
TEST(PostalTest, SyntaxIsThatOfTheData) {
  const std::string text(PostalRulesText());
  EXPECT_NE(text.find(R"("zip":"\\d{5}([ \\-]\\d{4})?")"), std::string::npos);
  EXPECT_NE(text.find(R"("zip":"[ABCEGHJKLMNPRSTVXY]\\d[ABCEGHJ-NPRSTV-Z][ ]?\\d[ABCEGHJ-NPRSTV-Z]\\d")"),
            std::string::npos);
}

TEST(PostalTest, CompilesPrefixes) {
  const auto matches = [](std::string_view pattern, std::string_view code) {
    PrefixPattern compiled;
    EXPECT_TRUE(PrefixPattern::Compile(pattern, &compiled)) << pattern;
    return compiled.Matches(code);
  };
  EXPECT_TRUE(matches("71[6-9]|72", "71901"));
  EXPECT_TRUE(matches("71[6-9]|72", "72901"));
  EXPECT_FALSE(matches("71[6-9]|72", "71501"));
  EXPECT_TRUE(matches("20[02-5]|569", "20001"));
  EXPECT_FALSE(matches("20[02-5]|569", "20101"));
  EXPECT_TRUE(matches("969([1-2]\\d|3[12])", "96932"));
  EXPECT_FALSE(matches("969([1-2]\\d|3[12])", "96933"));
  EXPECT_FALSE(matches("X0E|X0G|X1A", "X0A"));
  EXPECT_FALSE(matches("99501", "995"));
  PrefixPattern compiled;
  for (std::string_view pattern : {"", "a+", "9|", "(1|2)3", "[1-", "1|2(3|4)"})
    EXPECT_FALSE(PrefixPattern::Compile(pattern, &compiled)) << pattern;
}

TEST(PostalTest, HoldsCodesAgainstStates) {
  const PostalRules rules;
  EXPECT_EQ(rules.Check("US", "WA", "98178"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("US", "OR", "98178"), PostalFault::kNotOfState);
  EXPECT_EQ(rules.Check("US", "", "98178"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("US", "WA", "9817"), PostalFault::kSyntax);
  EXPECT_EQ(rules.Check("US", "ZZ", "98178"), PostalFault::kUnknownState);
  EXPECT_EQ(rules.Check("US", "BC", "98178"), PostalFault::kUnknownState);
  EXPECT_EQ(rules.Check("CA", "BC", "V6R 2C7"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("CA", "BC", "v6r2c7"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("CA", "AB", "V6R 2C7"), PostalFault::kNotOfState);
  EXPECT_EQ(rules.Check("CA", "BC", "98178"), PostalFault::kSyntax);
}

TEST(PostalTest, KnowsTheExceptions) {
  const PostalRules rules;
  EXPECT_EQ(rules.Check("CA", "QC", "K1A 0B1"), PostalFault::kNone) << "federal offices in Gatineau";
  EXPECT_EQ(rules.Check("CA", "QC", "K1B 0B1"), PostalFault::kNotOfState);
  EXPECT_EQ(rules.Check("CA", "NT", "X0E 0A0"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("CA", "NT", "X0A 0A0"), PostalFault::kNotOfState);
  EXPECT_EQ(rules.Check("CA", "NU", "X0A 0A0"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("CA", "SK", "R8A 0A0"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("CA", "NL", "A1A 0A0"), PostalFault::kNone);
  EXPECT_EQ(rules.Check("CA", "NF", "A1A 0A0"), PostalFault::kNone) << "the dictionary's Newfoundland";
}

TEST(PostalTest, EveryStateOfTheDataIsKnown) {
  const PostalRules rules;
  std::string_view text = PostalRulesText(), line;
  int states = 0;
  while (TakeLine(text, line)) {
    if (line.substr(0, 5) != "data/" || line[7] != '/' || line[10] != '=') continue;
    EXPECT_EQ(CountryOfState(line.substr(8, 2)), line.substr(5, 2)) << line;
    EXPECT_NE(rules.Check(line.substr(5, 2), line.substr(8, 2), line.substr(5, 2) == "US" ? "00000" : "Y9Z 9Z9"),
              PostalFault::kUnknownState);
    ++states;
  }
  EXPECT_EQ(states, 62 + 13);
  for (std::string_view state : {"", "W", "WAS", "ZZ", "wa", "  ", "A "}) EXPECT_EQ(CountryOfState(state), "") << state;
}

TEST(PostalTest, KnowsPlaceholders) {
  ASSERT_NE(PlaceholderCity("V1V 1V1"), nullptr);
  EXPECT_EQ(*PlaceholderCity("v1v1v1"), "KELOWNA");
  EXPECT_EQ(*PlaceholderCity("H0H 0H0"), "");
  EXPECT_EQ(PlaceholderCity("V6R 2C7"), nullptr);
  EXPECT_EQ(PlaceholderCity("98178-1234"), nullptr);
}

}  // namespace
}  // namespace millrace::property
