#include "stages/checkpoint.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "stages/durable_file.h"

namespace millrace::stages {
namespace {

std::string NewPath(const std::string& name) {
  const std::string folder = std::string(getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder + "/checkpoint";
}

TEST(Checkpoint, ComesBackAsItWas) {
  const std::string path = NewPath("back");
  EXPECT_EQ(*LoadCheckpoint(path), std::nullopt);
  for (const std::string& position :
       {std::string(), std::string("plain"), std::string("\n\0digest 0\n\xff", 12), std::string(10'000, 'p')}) {
    const Checkpoint saved{
        .position = position, .records = UINT64_MAX, .journal_bytes = 17, .finished = position.empty()};
    ASSERT_TRUE(SaveCheckpoint(path, saved).ok());
    EXPECT_EQ(*LoadCheckpoint(path), saved);
  }
}

TEST(Checkpoint, AnyDamageIsSeen) {
  const std::string path = NewPath("damage");
  ASSERT_TRUE(SaveCheckpoint(path, {.position = "here", .records = 12, .journal_bytes = 34}).ok());
  const std::string whole = *ReadWholeFile(path, 1 << 20);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string cut = whole.substr(0, at);
    ASSERT_TRUE(WriteFileAtomically(path, cut).ok());
    EXPECT_EQ(LoadCheckpoint(path).status().code(), absl::StatusCode::kInvalidArgument) << "cut at " << at;
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 4);
    ASSERT_TRUE(WriteFileAtomically(path, flipped).ok());
    EXPECT_EQ(LoadCheckpoint(path).status().code(), absl::StatusCode::kInvalidArgument) << "flipped at " << at;
  }
}

TEST(Checkpoint, AFolderThatIsNotThereIsAnError) {
  const absl::Status saved = SaveCheckpoint(NewPath("gone") + "/no/folder", {});
  EXPECT_FALSE(saved.ok());
  EXPECT_NE(std::string(saved.message()).find("/no/folder"), std::string::npos) << saved;
}

}  // namespace
}  // namespace millrace::stages
