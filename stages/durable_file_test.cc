#include "stages/durable_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace millrace::stages {
namespace {

std::string Folder(const std::string& name) {
  const std::string folder = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

TEST(DurableFile, AppendsAcrossOpensAndCuts) {
  const std::string path = Folder("append") + "/f";
  {
    auto file = AppendFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE((*file)->Write("one ").ok());
    EXPECT_TRUE((*file)->Sync().ok());
  }
  auto file = AppendFile::Open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->Write("two three").ok());
  EXPECT_TRUE((*file)->Truncate(7).ok());
  EXPECT_TRUE((*file)->Write("!").ok());
  EXPECT_EQ(*ReadWholeFile(path, 100), "one two!");
}

TEST(DurableFile, ReplacesAtomically) {
  const std::string path = Folder("atomic") + "/f";
  ASSERT_TRUE(WriteFileAtomically(path, "old").ok());
  ASSERT_TRUE(WriteFileAtomically(path, std::string("n\0w", 3)).ok());
  EXPECT_EQ(*ReadWholeFile(path, 3), std::string("n\0w", 3));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(DurableFile, SaysWhatIsWrong) {
  const std::string folder = Folder("wrong");
  EXPECT_EQ(ReadWholeFile(folder + "/none", 9).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(AppendFile::Open(folder + "/no/folder").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(AppendFile::Open(folder).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(WriteFileAtomically(folder + "/long", "0123456789").ok());
  EXPECT_EQ(ReadWholeFile(folder + "/long", 9).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrnoStatus(EROFS, "x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(EIO, "x").code(), absl::StatusCode::kUnavailable);
}

TEST(DurableFile, SeesAFullDisk) {
  auto file = AppendFile::Open("/dev/full");
  if (!file.ok()) GTEST_SKIP() << "no /dev/full here";
  const absl::Status wrote = (*file)->Write("x");
  EXPECT_EQ(wrote.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(wrote.message()).find("/dev/full"), std::string::npos) << wrote;
}

TEST(FileLock, KeepsASecondHolderOutAndNamesTheFirst) {
  const std::string path = Folder("lock") + "/run.lock";
  auto first = FileLock::Take(path);
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = FileLock::Take(path);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(second.status().message()).find("process " + std::to_string(getpid())), std::string::npos)
      << second.status();
  first->reset();
  EXPECT_TRUE(FileLock::Take(path).ok());
}

}  // namespace
}  // namespace millrace::stages
