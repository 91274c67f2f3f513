#include "ops/run_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace millrace::ops {
namespace {

class RunFolderTest : public testing::Test {
 protected:
  RunFolderTest() { std::filesystem::remove_all(path_); }
  const std::string path_ = testing::TempDir() + "/run/folder";
};

TEST_F(RunFolderTest, KnowsHowTheRunBeforeEnded) {
  {
    auto folder = RunFolder::Open(path_, "orders");
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_EQ((*folder)->previous(), RunFolder::Previous::kNone);
    ASSERT_TRUE((*folder)->Begin().ok());
  }
  {
    auto folder = RunFolder::Open(path_, "orders");
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_EQ((*folder)->previous(), RunFolder::Previous::kKilled);
    ASSERT_TRUE((*folder)->Begin().ok());
    ASSERT_TRUE((*folder)->End().ok());
  }
  auto folder = RunFolder::Open(path_, "orders");
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ((*folder)->previous(), RunFolder::Previous::kStopped);
}

TEST_F(RunFolderTest, OneRunAtATimeAndOnePipeline) {
  auto first = RunFolder::Open(path_, "orders");
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE((*first)->Begin().ok());
  const absl::Status second = RunFolder::Open(path_, "orders").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second));
  EXPECT_EQ(std::string(second.message()), "another run is using the output folder " + path_ +
                                               "; wait for its end, or give another folder: --out DIR");
  first->reset();
  const absl::Status other = RunFolder::Open(path_, "houses").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other));
  EXPECT_NE(std::string(other.message()).find("\"orders\", not of \"houses\""), std::string::npos) << other;
}

TEST_F(RunFolderTest, SaysWhatIsWrongWithAFolderThatCannotBe) {
  std::filesystem::create_directories(path_);
  std::ofstream(path_ + "/file") << "x";
  const absl::Status status = RunFolder::Open(path_ + "/file", "orders").status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find(path_ + "/file"), std::string::npos) << status;
  EXPECT_NE(std::string(status.message()).find("--out DIR"), std::string::npos) << status;
}

}  // namespace
}  // namespace millrace::ops
