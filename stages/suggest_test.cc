#include "stages/suggest.h"

#include <gtest/gtest.h>

namespace millrace::stages {
namespace {

TEST(SuggestTest, NamesWhatIsNearEnough) {
  EXPECT_EQ(Nearest("ouput", {"input", "output"}), "output");
  EXPECT_EQ(Nearest("prase", {"parse", "price"}), "parse") << "two neighbours swapped are one edit";
  EXPECT_EQ(Nearest("zebra", {"parse", "price"}), "");
  EXPECT_EQ(Nearest("", {"a"}), "a");
  EXPECT_EQ(Nearest(std::string(100'000, 'x'), {"parse"}), "");
}

TEST(SuggestTest, ElseListsWhatThereIs) {
  EXPECT_EQ(Suggest("ouput", {"input", "output"}), "did you mean \"output\"?");
  EXPECT_EQ(Suggest("zebra", {"parse", "price"}), "known: parse, price");
  EXPECT_EQ(Suggest("zebra", {}), "there are none");
  EXPECT_EQ(Suggest("zzzzzz", std::vector<std::string>(20, "abc")),
            "known: abc, abc, abc, abc, abc, abc, abc, abc, abc, abc, abc, abc, … (20 in all)");
}

}  // namespace
}  // namespace millrace::stages
