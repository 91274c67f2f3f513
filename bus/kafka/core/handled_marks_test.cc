#include "bus/kafka/core/handled_marks.h"

#include <gtest/gtest.h>

namespace millrace::bus {
namespace {

TEST(HandledMarksTest, WhatIsWrittenIsRead) {
  std::string body;
  AppendMark({.partition = 3, .offset = 17, .digest = 0xfedcba9876543210}, &body);
  AppendMark({.partition = 0, .offset = 1'000'000'000'000, .digest = 1}, &body);
  HandledMarks marks;
  marks.AddAll(body);
  EXPECT_EQ(marks.size(), 2u);
  EXPECT_TRUE(marks.Has({3, 17, 0xfedcba9876543210}));
  EXPECT_TRUE(marks.Has({0, 1'000'000'000'000, 1}));
  EXPECT_FALSE(marks.Has({3, 18, 0xfedcba9876543210}));
  EXPECT_FALSE(marks.Has({2, 17, 0xfedcba9876543210}));
}

TEST(HandledMarksTest, ARecordOfATopicThatWasMadeAnewIsNotHidden) {
  HandledMarks marks;
  marks.Add({0, 5, DigestOfRecord({.key = "k", .body = "old"})});
  EXPECT_TRUE(marks.Has({0, 5, DigestOfRecord({.key = "k", .body = "old"})}));
  EXPECT_FALSE(marks.Has({0, 5, DigestOfRecord({.key = "k", .body = "new"})}));
}

TEST(HandledMarksTest, GarbageIsPassedOver) {
  HandledMarks marks;
  for (const char* body : {"", "\n\n", "1 2", "1 2 xyz\n", "a 2 3\n", "1  2 3\n", "1 2 3 4\n", "99999999999 1 1\n"}) {
    marks.AddAll(body);
  }
  EXPECT_EQ(marks.size(), 0u);
  marks.AddAll("garbage\n1 2 0000000000000003");
  EXPECT_TRUE(marks.Has({1, 2, 3}));
}

TEST(HandledMarksTest, EachPartOfARecordCounts) {
  const std::string headers = [] {
    std::string block;
    HeaderBuilder(&block).Add("a", "b");
    return block;
  }();
  const uint64_t plain = DigestOfRecord({.key = "k", .body = "b"});
  EXPECT_NE(plain, DigestOfRecord({.key = "kb", .body = ""}));
  EXPECT_NE(plain, DigestOfRecord({.key = "k", .body = "b", .headers = Headers(headers)}));
  EXPECT_NE(DigestOfRecord({.key = "", .body = "b"}), DigestOfRecord({.body = "b"}));
  EXPECT_NE(DigestOfRecord({.key = "k", .body = ""}), DigestOfRecord({.key = "k"}));
}

}  // namespace
}  // namespace millrace::bus
