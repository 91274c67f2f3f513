#include "ops/line_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

namespace millrace::ops {
namespace {

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  EXPECT_TRUE(ReadLines(path, [&](std::string_view line) {
                lines.emplace_back(line);
                return absl::OkStatus();
              }).ok());
  return lines;
}

TEST(LineFileTest, AppendsAcrossOpensAndCutsATornTail) {
  const std::string path = testing::TempDir() + "/lines";
  std::remove(path.c_str());
  EXPECT_TRUE(Lines(path).empty()) << "no file, no lines";
  {
    auto file = LineFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    (*file)->Append("one");
    (*file)->Append("");
    ASSERT_TRUE((*file)->Sync().ok());
  }
  std::ofstream(path, std::ios::app) << std::string(200'000, 't');
  EXPECT_EQ(Lines(path), (std::vector<std::string>{"one", ""}));
  auto file = LineFile::Open(path);
  ASSERT_TRUE(file.ok());
  (*file)->Append("two");
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(Lines(path), (std::vector<std::string>{"one", "", "two"}));
}

TEST(LineFileTest, LinesMayBeLongerThanAnyBuffer) {
  const std::string path = testing::TempDir() + "/long";
  std::remove(path.c_str());
  auto file = LineFile::Open(path);
  ASSERT_TRUE(file.ok());
  const std::string line(3'000'000, 'x');
  (*file)->Append("a");
  (*file)->Append(line);
  (*file)->Append("b");
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ(Lines(path), (std::vector<std::string>{"a", line, "b"}));
}

TEST(LineFileTest, StopsAtTheReadersErrorAndTellsTheSystems) {
  const std::string path = testing::TempDir() + "/stop";
  std::ofstream(path) << "a\nb\n";
  int calls = 0;
  EXPECT_TRUE(absl::IsCancelled(ReadLines(path, [&](std::string_view) {
    ++calls;
    return absl::CancelledError("");
  })));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(LineFile::Open(testing::TempDir() + "/none/file").ok());
  EXPECT_FALSE(LineFile::Open(testing::TempDir()).ok());
}

}  // namespace
}  // namespace millrace::ops
