#include "ops/sim_watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <string>

#include "sim/guard/exit_guard.h"

namespace millrace::ops {
namespace {

using std::chrono::milliseconds;

// Inside a stage until `done`.
void StayInAStage(sim::StageWatch* watch, const std::function<bool()>& done) {
  sim::StageCall call{.stage = "parse", .input = "in-7", .job = "root-7", .watch = watch};
  sim::InStage in(&call);
  while (!done()) std::this_thread::yield();
}

TEST(StageWatchdogDeathTest, EndsTheProcessAfterTellingWhatHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        sim::StageWatch watch;
        StageWatchdog watchdog(
            &watch, {.limit = milliseconds(60), .look_every = milliseconds(5), .on_stuck = [](const auto& finding) {
                       std::fprintf(stderr, "hook: %s\n", std::string(sim::NameOf(finding.kind)).c_str());
                     }});
        StayInAStage(&watch, [] { return false; });
      },
      testing::ExitedWithCode(1),
      "stage parse does not return for input in-7 \\(job root-7\\): it has been running for 60 ms of real time\n"
      "hook: endless-loop");
}

// The process is ended by a stage under a watchdog.
void EndInAStage() {
  const sim::ExitGuard guard(nullptr);
  sim::StageWatch watch;
  StageWatchdog watchdog(&watch, {.look_every = milliseconds(5), .on_stuck = [](const auto& finding) {
                                    std::fprintf(stderr, "hook: %s\n",
                                                 (std::string(NameOf(finding.kind)) + " " + finding.what).c_str());
                                  }});
  sim::StageCall call{.stage = "parse", .input = "in-7", .job = "root-7", .watch = &watch};
  sim::InStage in(&call);
  sim::ExitGuard::Refuse("quick_exit");
}

TEST(StageWatchdogDeathTest, TellsOfAStageThatEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(EndInAStage(), testing::ExitedWithCode(1),
              "stage parse ends its process for input in-7 \\(job root-7\\): it calls quick_exit; return an error .*\n"
              "hook: process-exit quick_exit");
}

TEST(StageWatchdogDeathTest, AHookThatHangsDoesNotKeepTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        sim::StageWatch watch;
        StageWatchdog watchdog(&watch, {.limit = milliseconds(30),
                                        .look_every = milliseconds(5),
                                        .on_stuck =
                                            [](const auto&) {
                                              while (true) std::this_thread::yield();
                                            },
                                        .hook_limit = milliseconds(50)});
        StayInAStage(&watch, [] { return false; });
      },
      testing::ExitedWithCode(1), "took too long");
}

TEST(StageWatchdog, TellsOnceWithTheFinding) {
  sim::StageWatch watch;
  std::atomic<int> told = 0, ended = 0;
  sim::StageFinding finding;
  StageWatchdog watchdog(&watch, {.limit = milliseconds(30),
                                  .look_every = milliseconds(5),
                                  .on_stuck =
                                      [&](const sim::StageFinding& found) {
                                        finding = found;
                                        ++told;
                                      },
                                  .terminate = [&] { ++ended; }});
  StayInAStage(&watch, [&] { return ended > 0; });
  EXPECT_EQ(told, 1);
  EXPECT_EQ(finding.kind, sim::StageFindingKind::kEndlessLoop);
  EXPECT_EQ(finding.stage, "parse");
  EXPECT_EQ(finding.input, "in-7");
}

TEST(StageWatchdog, ManyShortCallsAndTimeOutsideOfStagesAreFine) {
  sim::StageWatch watch;
  std::atomic<int> ended = 0;
  {
    StageWatchdog watchdog(&watch,
                           {.limit = milliseconds(150), .look_every = milliseconds(5), .terminate = [&] { ++ended; }});
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < milliseconds(400)) {
      StayInAStage(&watch, [] { return true; });
    }
    // A call that waits in a port is not running.
    sim::StageCall call{.stage = "store", .input = "in-8", .watch = &watch};
    sim::InStage in(&call);
    sim::StageCall* const paused = sim::StageMarker::Pause();
    while (std::chrono::steady_clock::now() - start < milliseconds(800)) std::this_thread::yield();
    sim::StageMarker::Restore(paused);
  }
  EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace millrace::ops
