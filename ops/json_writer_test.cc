#include "ops/json_writer.h"

#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

TEST(JsonWriterTest, NestsAndSeparates) {
  std::string out;
  JsonWriter json(&out);
  json.Open('{')
      .Key("a")
      .Number(1)
      .Key("b")
      .Open('[')
      .String("x")
      .Null()
      .Bool(true)
      .Open('{')
      .Close('}')
      .Close(']')
      .Key("c")
      .Seconds(1.5)
      .Close('}');
  EXPECT_EQ(out, R"({"a":1,"b":["x",null,true,{}],"c":1.500})");
}

TEST(JsonWriterTest, EscapesWhatJsonCannotHold) {
  std::string out;
  JsonWriter(&out).String(std::string("q\" b\\ n\n t\t \x01\x7f\0 é …", 22));
  EXPECT_EQ(out, "\"q\\\" b\\\\ n\\n t\\t \\u0001\\u007f\\u0000 é …\"");
  out.clear();
  JsonWriter(&out).String("a\xff\xc3(");
  EXPECT_EQ(out, "\"a\xef\xbf\xbd\xef\xbf\xbd(\"");
}

TEST(JsonWriterTest, BytesAreTextOrBase64) {
  std::string out;
  JsonWriter json(&out);
  json.Open('{').Bytes("a", "text").Bytes("b", "\xff").Close('}');
  EXPECT_EQ(out, R"({"a":"text","b_base64":"/w=="})");
}

TEST(JsonWriterTest, KnowsUtf8) {
  for (const char* good :
       {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8f\xa0", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xf0\x9f\x8f", "\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(JsonWriterTest, Base64OfAllLengths) {  // RFC 4648, section 10
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace millrace::ops
