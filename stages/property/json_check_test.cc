#include "stages/property/json_check.h"

#include <gtest/gtest.h>

#include "stages/property/errors.h"

namespace millrace::property {
namespace {

TEST(JsonCheckTest, AcceptsJson) {
  for (std::string_view text : {"0", "-1.5e+006", "\"\"", "\"\\u00e9\\n\"", "true", "false", "null", "[]", "{}",
                                " [1, 2 , {\"a\" : [ ]}] ", "{\"a\":{\"b\":[1,\"x\"]},\"c\":null}"}) {
    EXPECT_EQ(CheckJson(text), "") << text;
  }
}

TEST(JsonCheckTest, RefusesWhatIsNone) {
  for (std::string_view text :
       {"",       " ",    "tru",   "nul",     "01",    "1.",         "-", "+1", "\"",  "\"\\x\"", "\"\\u12g4\"",
        "\"\n\"", "[1,]", "[1 2]", "{\"a\"}", "{a:1}", "{\"a\":1,}", "[", "{",  "1 2", "[1]]",    "'a'"}) {
    EXPECT_EQ(CheckJson(text), "broken JSON") << text;
  }
}

TEST(JsonCheckTest, LimitsDepth) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(CheckJson(nested(kJsonDepthMax)), "");
  EXPECT_EQ(CheckJson(nested(kJsonDepthMax + 1)), "JSON nested more than 64 deep");
  EXPECT_EQ(CheckJson(nested(10'000)), "JSON nested more than 64 deep");
}

TEST(JsonCheckTest, WritesScalars) {
  const auto scalar = [](std::string_view text) {
    std::string out;
    AppendJsonScalar(text, &out);
    return out;
  };
  EXPECT_EQ(scalar("1.225e+006"), "1.225e+006");
  EXPECT_EQ(scalar("007"), "\"007\"");
  EXPECT_EQ(scalar(""), "\"\"");
  EXPECT_EQ(scalar("say \"hi\"\\\n\x01"), "\"say \\\"hi\\\"\\\\\\u000a\\u0001\"");
  EXPECT_EQ(CheckJson(scalar("a\tb\"c\\d")), "");
}

TEST(ErrorsTest, QuotesForPeople) {
  EXPECT_EQ(Quoted("a\nb"), "\"a\\nb\"");
  EXPECT_EQ(Quoted("Québec"), "\"Québec\"");
  EXPECT_EQ(Quoted("\xC3("), "\"\\xc3(\"");
  EXPECT_EQ(Quoted(std::string(100, 'x')), "\"" + std::string(60, 'x') + "\"… (100 bytes)");
  EXPECT_EQ(Bad("City", "too long", "x").message(), "City: too long; found \"x\"");
}

}  // namespace
}  // namespace millrace::property
