#include "stages/property/time_text.h"

#include <gtest/gtest.h>

namespace millrace::property {
namespace {

TEST(TimeTextTest, ReadsDays) {
  EXPECT_EQ(FormatDay(*ParseDay("20141013T000000")), "2014-10-13");
  EXPECT_EQ(FormatDay(*ParseDay("2020-02-29")), "2020-02-29");
  EXPECT_EQ(ParseDay("1970-01-01")->days, 0);
  EXPECT_EQ(ParseDay("2000-03-01")->days, 11'017);
  for (std::string_view text : {"", "2019-02-29", "2020-13-01", "2020-00-10", "2020-1-01", "2020/01/01", "20141013",
                                "20141013T010000", "0000-01-01", "2020-01-32", "abcd-ef-gh"}) {
    EXPECT_FALSE(ParseDay(text)) << text;
  }
}

TEST(TimeTextTest, ReadsInstantsInUtc) {
  EXPECT_EQ(*ParseInstant("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*ParseInstant("1970-01-02T00:00:01.5Z"), 86'401'500'000);
  EXPECT_EQ(*ParseInstant("2024-02-29T23:59:59.1234567Z"), *ParseInstant("2024-02-29T23:59:59.123456Z"));
  EXPECT_EQ(*ParseInstant("2024-05-01T12:00:00-08:00"), *ParseInstant("2024-05-01T20:00:00Z"));
  EXPECT_EQ(*ParseInstant("2024-05-01T01:30:00+05:30"), *ParseInstant("2024-04-30T20:00:00Z"));
  EXPECT_EQ(*ParseInstant("1969-12-31T23:59:59Z"), -1'000'000);
}

TEST(TimeTextTest, RefusesWhatIsNoInstant) {
  for (std::string_view text :
       {"2024-05-01", "2024-05-01T12:00:00", "2024-05-01 12:00:00Z", "2024-05-01T24:00:00Z", "2024-05-01T12:60:00Z",
        "2024-05-01T12:00:60Z", "2024-05-01T12:00:00.Z", "2024-05-01T12:00:00+0800", "2024-05-01T12:00:00Zx",
        "2023-02-29T12:00:00Z", "2024-05-01T12:00:00+99:00"}) {
    EXPECT_FALSE(ParseInstant(text)) << text;
  }
}

TEST(TimeTextTest, FormatsWhatItReads) {
  for (std::string_view text :
       {"2024-02-29T23:59:59.123Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"}) {
    EXPECT_EQ(FormatInstant(*ParseInstant(text)), text);
  }
}

}  // namespace
}  // namespace millrace::property
