#include "bus/message.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/segment.h"

namespace millrace::bus {
namespace {

std::vector<Header> List(Headers headers) {
  std::vector<Header> out;
  for (Header h : headers) out.push_back(h);
  return out;
}

// All 256 bytes: nothing that is valid UTF-8, zeros and line ends within.
std::string AllBytes() {
  std::string bytes;
  for (int b = 0; b < 256; ++b) bytes.push_back(static_cast<char>(b));
  return bytes;
}

TEST(Headers, KeepOrderDuplicatesAndNulls) {
  HeaderBuilder builder;
  builder.Add("b", "1").Add("a", "2").Add("b", "3").Add("null", std::nullopt).Add("b", "1").Add("empty", "");
  const std::vector<Header> expected = {{"b", "1"}, {"a", "2"},   {"b", "3"}, {"null", std::nullopt},
                                        {"b", "1"}, {"empty", ""}};
  EXPECT_EQ(List(builder.View()), expected);
  EXPECT_TRUE(Headers::Valid(builder.View().block()));
}

TEST(Headers, NullAndEmptyValuesDiffer) {
  HeaderBuilder null, empty;
  null.Add("h", std::nullopt);
  empty.Add("h", "");
  EXPECT_NE(null.View().block(), empty.View().block());
  EXPECT_EQ(null.View().Find("h"), std::nullopt);
  EXPECT_EQ(empty.View().Find("h"), std::string_view());
}

TEST(Headers, NamesAndValuesAreBytesOfAnyKind) {
  const std::string bytes = AllBytes();
  HeaderBuilder builder;
  builder.Add(bytes, bytes).Add("", "no name").Add("", "");
  const std::vector<Header> expected = {{bytes, bytes}, {"", "no name"}, {"", ""}};
  EXPECT_EQ(List(builder.View()), expected);
}

TEST(Headers, FindGivesTheFirstWithAValue) {
  HeaderBuilder builder;
  builder.Add("h", std::nullopt).Add("other", "x").Add("h", "first").Add("h", "second");
  EXPECT_EQ(builder.View().Find("h"), "first");
  EXPECT_EQ(builder.View().Find("H"), std::nullopt);
  EXPECT_EQ(builder.View().Find("absent"), std::nullopt);
}

TEST(Headers, NoneAtAll) {
  const Headers none;
  EXPECT_TRUE(none.empty());
  EXPECT_TRUE(List(none).empty());
  EXPECT_TRUE(Headers::Valid(none.block()));
}

TEST(Headers, ValidRefusesEveryTruncation) {
  HeaderBuilder builder;
  builder.Add("name", "value").Add("null", std::nullopt).Add("e", "");
  const std::string block(builder.View().block());
  // A cut is well-formed only between two headers.
  const std::vector<size_t> ends = {0, 8 + 4 + 5, 8 + 4 + 5 + 8 + 4, block.size()};
  for (size_t size = 0; size <= block.size(); ++size) {
    const bool whole = std::find(ends.begin(), ends.end(), size) != ends.end();
    EXPECT_EQ(Headers::Valid(std::string_view(block).substr(0, size)), whole) << size;
  }
}

TEST(Headers, ValidRefusesLengthsBeyondTheBlock) {
  HeaderBuilder builder;
  builder.Add("name", "value");
  for (size_t at : {0, 4}) {
    for (uint32_t length : {100u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
      std::string block(builder.View().block());
      std::memcpy(block.data() + at, &length, 4);
      EXPECT_FALSE(Headers::Valid(block)) << at << " " << length;
    }
  }
  // Lengths whose sum wraps around in 32 bits.
  std::string block(builder.View().block());
  const uint32_t lengths[] = {0xfffffff8u, 1};
  std::memcpy(block.data(), lengths, 8);
  EXPECT_FALSE(Headers::Valid(block));
}

TEST(HeaderBuilder, AppendsToTheCallersMemory) {
  std::string memory;
  HeaderBuilder builder(&memory);
  builder.Add("a", "1");
  EXPECT_EQ(builder.View().block().data(), memory.data());
  builder.AddAll(Headers(std::string(builder.View().block())));
  EXPECT_EQ(List(builder.View()).size(), 2u);
  const size_t capacity = memory.capacity();
  builder.Clear();
  EXPECT_TRUE(builder.View().empty());
  EXPECT_EQ(memory.capacity(), capacity);
}

TEST(HeaderBuilder, AddsAllOfAnotherInOrder) {
  HeaderBuilder first, second;
  first.Add("x", "1").Add("x", std::nullopt);
  second.Add("y", "0").AddAll(first.View()).AddAll(Headers());
  const std::vector<Header> expected = {{"y", "0"}, {"x", "1"}, {"x", std::nullopt}};
  EXPECT_EQ(List(second.View()), expected);
}

TEST(Message, CountsKeyBodyAndHeaders) {
  HeaderBuilder headers;
  headers.Add("n", "v");
  Message m{.key = "key", .body = "body", .headers = headers.View(), .timestamp_ms = 1};
  EXPECT_EQ(m.Bytes(), 3 + 4 + (8 + 1 + 1u));
  m.key.reset();
  m.body.reset();
  EXPECT_EQ(m.Bytes(), 10u);
  EXPECT_EQ(Message{}.Bytes(), 0u);
}

TEST(Message, SurvivesCopyingByteForByte) {
  const std::string bytes = AllBytes();
  HeaderBuilder headers;
  headers.Add("dup", "1").Add("dup", "2").Add("null", std::nullopt).Add("bytes", bytes).Add("dup", "");
  std::optional<Message> copy;
  SegmentPool pool(4096);
  SegmentRef segment = pool.Take();
  {
    std::string key = bytes + "key", body = bytes + bytes, block(headers.View().block());
    const Message message{.key = key, .body = body, .headers = Headers(block), .timestamp_ms = -5};
    copy = CopyInto(*segment.get(), message);
    ASSERT_TRUE(copy.has_value());
    EXPECT_TRUE(SameContent(*copy, message));
    // The original's memory is overwritten, so that a view into it would show.
    for (std::string* s : {&key, &body, &block}) std::fill(s->begin(), s->end(), '#');
  }
  EXPECT_EQ(copy->key, bytes + "key");
  EXPECT_EQ(copy->body, bytes + bytes);
  EXPECT_EQ(copy->timestamp_ms, -5);
  EXPECT_EQ(List(copy->headers), List(headers.View()));
}

TEST(Message, NullAndEmptySurviveCopying) {
  SegmentPool pool(64);
  SegmentRef segment = pool.Take();
  for (const Message& m : {Message{}, Message{.key = "", .body = ""}, Message{.key = ""}, Message{.body = ""}}) {
    std::optional<Message> copy = CopyInto(*segment.get(), m);
    ASSERT_TRUE(copy.has_value());
    EXPECT_EQ(copy->key.has_value(), m.key.has_value());
    EXPECT_EQ(copy->body.has_value(), m.body.has_value());
    EXPECT_TRUE(SameContent(*copy, m));
  }
}

TEST(Message, IsNotCopiedWhereThereIsNoRoom) {
  SegmentPool pool(64);
  SegmentRef segment = pool.Take();
  const std::string body(65, 'x');
  EXPECT_EQ(CopyInto(*segment.get(), {.body = body}), std::nullopt);
  EXPECT_EQ(segment->used(), 0u);
  EXPECT_TRUE(CopyInto(*segment.get(), {.body = std::string_view(body).substr(1)}).has_value());
  EXPECT_EQ(CopyInto(*segment.get(), {.key = "k"}), std::nullopt);
}

TEST(SameContent, SeesEveryDifference) {
  HeaderBuilder ab, ba;
  ab.Add("a", "1").Add("b", "2");
  ba.Add("b", "2").Add("a", "1");
  const Message m{.key = "k", .body = "b", .headers = ab.View(), .timestamp_ms = 7};
  EXPECT_TRUE(SameContent(m, m));
  Message other = m;
  other.headers = ba.View();
  EXPECT_FALSE(SameContent(m, other)) << "order of headers";
  other = m;
  other.key = std::nullopt;
  EXPECT_FALSE(SameContent(m, other));
  other = m;
  other.body = "";
  EXPECT_FALSE(SameContent(m, other));
  other = m;
  other.timestamp_ms = 8;
  EXPECT_FALSE(SameContent(m, other));
  EXPECT_FALSE(SameContent(Message{.body = ""}, Message{})) << "empty body and tombstone";
}

}  // namespace
}  // namespace millrace::bus
