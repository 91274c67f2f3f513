#include "sim/guard/exit_guard.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "sim/guard/interpose.h"
#include "sim/guard/stage_marker.h"

namespace millrace::sim {
namespace {

using testing::ExitedWithCode;

void SayWhatRuns() {
  if (write(STDERR_FILENO, "seed 17\n", 8) < 0) abort();
}

struct Ending {
  const char* name;
  void (*call)(int);
  bool seen_without_interposition;
};
constexpr Ending kEndings[] = {
    {"exit", exit, true}, {"quick_exit", quick_exit, true}, {"_exit", _exit, false}, {"_Exit", _Exit, false}};

bool Seen(const Ending& ending) { return ending.seen_without_interposition || !InterposedCalls().empty(); }

void InAStage(void (*ending)(int), int status) {
  StageCall call{.stage = "parse", .input = "in-7"};
  const InStage in(&call);
  ending(status);
}

class ExitGuardDeathTest : public testing::Test {
 protected:
  ExitGuardDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ExitGuardDeathTest, NoCallEndsTheProcessWell) {
  for (const Ending& ending : kEndings) {
    if (!Seen(ending)) continue;
    EXPECT_EXIT(
        {
          const ExitGuard guard(SayWhatRuns);
          ending.call(0);
        },
        ExitedWithCode(1),
        std::string("the process is ended \\(") + ending.name +
            "\\) before the simulation has: not by Millrace.*\nseed 17");
  }
}

TEST_F(ExitGuardDeathTest, AStageEndsItInNoWay) {
  for (const Ending& ending : kEndings) {
    if (!Seen(ending)) continue;
    EXPECT_EXIT(
        {
          const ExitGuard guard(SayWhatRuns);
          InAStage(ending.call, 5);
        },
        ExitedWithCode(1), "before the simulation has: by a stage\nseed 17");
  }
}

TEST_F(ExitGuardDeathTest, AnotherThreadDoesNotEither) {
  if (InterposedCalls().empty()) return;
  EXPECT_EXIT(
      {
        const ExitGuard guard(SayWhatRuns);
        std::thread([] { _exit(0); }).join();
      },
      ExitedWithCode(1), "a thread that a stage has started");
}

// A second signal ends the program so.
TEST_F(ExitGuardDeathTest, ABadEndThatIsNoStagesIsLeftAsItIs) {
  EXPECT_EXIT(
      {
        const ExitGuard guard(SayWhatRuns);
        _exit(143);
      },
      ExitedWithCode(143), "^$");
}

// With exit: what it calls at its end has no code to look at.
TEST_F(ExitGuardDeathTest, OneThatCallsWhatIsCalledAtTheEndIsNot) {
  for (const Ending& ending : kEndings) {
    if (!ending.seen_without_interposition) continue;
    EXPECT_EXIT(
        {
          const ExitGuard guard(SayWhatRuns);
          ending.call(3);
        },
        ExitedWithCode(1),
        std::string("the process is ended \\(") + ending.name + "\\) before the simulation has: not by Millrace");
  }
}

TEST_F(ExitGuardDeathTest, WithoutAGuardAllIsAsEver) {
  for (const Ending& ending : kEndings) {
    EXPECT_EXIT(ending.call(0), ExitedWithCode(0), "^$");
    EXPECT_EXIT(
        {
          { const ExitGuard guard(SayWhatRuns); }
          InAStage(ending.call, 6);
        },
        ExitedWithCode(6), "^$");
  }
}

TEST(ExitGuard, AProcessThatWasForkedEndsAsItLikes) {
  const ExitGuard guard(SayWhatRuns);
  const pid_t process = fork();
  if (process == 0) InAStage(_exit, 0);
  int status = -1;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(ExitGuard::Stands());
}

}  // namespace
}  // namespace millrace::sim
