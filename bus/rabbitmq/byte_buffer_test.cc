#include "bus/rabbitmq/byte_buffer.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

TEST(ByteBufferTest, FewBytesAndMany) {
  for (size_t size = 0; size < 100; ++size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>('!' + i));
    const std::vector<char> from(text.begin(), text.end());  // of its exact size, for sanitizers
    std::string into(size + 2, '#');
    EXPECT_EQ(PutFew(into.data() + 1, from.data(), size), into.data() + 1 + size);
    EXPECT_EQ(into, "#" + text + "#");
    EXPECT_TRUE(SameFew(from.data(), text.data(), size));
    for (size_t i = 0; i < size; ++i) {
      std::string other = text;
      other[i] = '\0';
      EXPECT_FALSE(SameFew(from.data(), other.data(), size)) << size << " " << i;
    }
  }
}

TEST(ByteBufferTest, GrowsAndIsTakenFromTheFront) {
  ByteBuffer buffer;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<size_t>(i % 37), static_cast<char>('a' + i % 26));
    buffer.Append(piece);
    expected += piece;
    const size_t taken = std::min<size_t>(expected.size(), static_cast<size_t>(i % 31));
    buffer.RemovePrefix(taken);
    expected.erase(0, taken);
    ASSERT_EQ(buffer.View(), expected);
  }
}

}  // namespace
}  // namespace millrace::bus
