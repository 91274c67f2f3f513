#include "ops/sim_isolate.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "ops/finding_note.h"

namespace millrace::ops {
namespace {

using std::chrono::milliseconds;

int runs_so_far = 0;  // what a stage should not have

RunHashes WithStatic() { return {.schedule = 1, .content = static_cast<uint64_t>(100 + runs_so_far++)}; }
RunHashes Pure() { return {.schedule = 0x1122334455667788, .content = 2}; }

TEST(RunInFreshProcess, GivesTheHashesAndChangesNothingHere) {
  runs_so_far = 0;
  const auto hashes = RunInFreshProcess(WithStatic);
  ASSERT_TRUE(hashes.ok()) << hashes.status();
  EXPECT_EQ(*hashes, (RunHashes{.schedule = 1, .content = 100}));
  EXPECT_EQ(runs_so_far, 0);
  EXPECT_EQ(*RunInFreshProcess(Pure), Pure());
}

TEST(TellFromFreshProcess, GivesWhateverWasToldHoweverLong) {
  const std::string much(3'000'000, 'x');
  const auto told = TellFromFreshProcess([&] { return much; });
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(*told, much);
  EXPECT_EQ(*TellFromFreshProcess([] { return std::string(); }), "");
}

TEST(RunInFreshProcess, HowARunFailsIsToldAndNothingIsWaitedForWithoutEnd) {
  EXPECT_EQ(RunInFreshProcess([]() -> RunHashes { throw std::runtime_error("bad"); }).status(),
            absl::AbortedError("an isolated run told nothing: it threw"));
  const absl::Status died = RunInFreshProcess([]() -> RunHashes {
                              raise(SIGKILL);
                              return {};
                            }).status();
  EXPECT_EQ(died.code(), absl::StatusCode::kAborted);
  EXPECT_NE(died.message().find("died: Killed"), died.message().npos) << died;
  EXPECT_EQ(RunInFreshProcess([]() -> RunHashes { _exit(7); }).status().message(),
            "an isolated run told nothing: its process ended with exit code 7");
  const absl::Status late = RunInFreshProcess(
                                []() -> RunHashes {
                                  while (true) pause();
                                },
                                milliseconds(50))
                                .status();
  EXPECT_EQ(late.code(), absl::StatusCode::kDeadlineExceeded) << late;
}

TEST(RunInFreshProcess, ARunThatClosesEverythingAndStaysIsKilled) {
  const absl::Status status = RunInFreshProcess(
                                  []() -> RunHashes {
                                    for (int file = 3; file < 1024; ++file) close(file);
                                    while (true) pause();
                                  },
                                  milliseconds(50))
                                  .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
}

TEST(RunInFreshProcess, LeavesNoFilesAndProcessesBehind) {
  const int before = dup(0);
  ASSERT_GE(before, 0);
  close(before);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(RunInFreshProcess(Pure).ok());
    ASSERT_FALSE(RunInFreshProcess([]() -> RunHashes { _exit(1); }).ok());
  }
  const int after = dup(0);
  EXPECT_EQ(after, before) << "the lowest free number is the same";
  close(after);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(FindHiddenState, AStaticMakesADifferenceAndAPureRunDoesNot) {
  const auto pure = FindHiddenState(Pure);
  ASSERT_TRUE(pure.ok()) << pure.status();
  EXPECT_EQ(pure->has_value(), false);

  // Whatever has run here before.
  for (runs_so_far = 0; runs_so_far < 3; WithStatic()) {
    const auto found = FindHiddenState(WithStatic);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ((*found)->kind, sim::StageFindingKind::kStaticState);
    EXPECT_EQ((*found)->what, "the content");
  }
  EXPECT_FALSE(FindHiddenState([]() -> RunHashes { _exit(1); }).ok());
}

TEST(FindingNote, IsLeftByAProcessThatEnds) {
  FindingNote note;
  EXPECT_FALSE(note.Read().has_value());
  const std::string much(100'000, 'x');
  const sim::StageFinding finding{
      .kind = sim::StageFindingKind::kProcessExit, .stage = "parse", .input = "in-7", .what = "exit", .text = much};
  EXPECT_FALSE(TellFromFreshProcess([&]() -> std::string {
                 note.Write(finding);
                 _exit(1);
               }).ok());
  const std::optional<sim::StageFinding> read = note.Read();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->kind, sim::StageFindingKind::kProcessExit);
  EXPECT_EQ(read->stage, "parse");
  EXPECT_EQ(read->input, "in-7");
  EXPECT_EQ(read->what, "exit");
  EXPECT_EQ(read->text, much.substr(0, 16'000));
}

TEST(CompareHashes, TellsTheScheduleFirst) {
  EXPECT_EQ(CompareHashes(Pure(), Pure()), std::nullopt);
  const auto found = CompareHashes(Pure(), {.schedule = 1, .content = 1});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->what, "the schedule");
  EXPECT_EQ(found->first, "1122334455667788");
  EXPECT_EQ(found->second, "0000000000000001");
}

}  // namespace
}  // namespace millrace::ops
