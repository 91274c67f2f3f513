#include "ops/text.h"

#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

TEST(TextTest, Numbers) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(1234567), "1,234,567");
}

TEST(TextTest, Durations) {
  EXPECT_EQ(ForPeople(0), "0 ns");
  EXPECT_EQ(ForPeople(12'345), "12 µs");
  EXPECT_EQ(ForPeople(3'400'000), "3.4 ms");
  EXPECT_EQ(ForPeople(34'000'000), "34 ms");
  EXPECT_EQ(ForPeople(2'100'000'000), "2.1 s");
}

TEST(TextTest, TablesAlignByColumnsNotBytes) {
  EXPECT_EQ(Table({{"stage", "in", "p50"}, {"é", "1,000", "12 µs"}}), "  stage     in    p50\n  é      1,000  12 µs\n");
  EXPECT_EQ(Table({{"a", "b"}, {"long", ""}}, {0, 1}, 0), "a     b\nlong\n");
}

TEST(TextTest, ShortensAndMakesHarmless) {
  EXPECT_EQ(Shortened("äöü", 3), "äöü");
  EXPECT_EQ(Shortened("äöüx", 3), "äö…");
  EXPECT_EQ(Shortened("a\n\x1b[31m", 20), "a  [31m");
}

}  // namespace
}  // namespace millrace::ops
