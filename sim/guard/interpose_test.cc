#include "sim/guard/interpose.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "sim/guard/stage_marker.h"

namespace millrace::sim {
namespace {

// Findings of what a stage does, by what was called.
std::map<std::string, StageFinding> In(const std::function<void()>& stage) {
  StageFindings findings;
  StageCall call{.stage = "odd", .input = "job-1", .sink = &findings};
  {
    InStage in(&call);
    stage();
  }
  std::map<std::string, StageFinding> found;
  for (const StageFinding& finding : findings.all()) found.emplace(finding.what, finding);
  return found;
}

// nullptr where this build does not see it.
const InterposedCall* Find(std::string_view name) {
  for (const InterposedCall& call : InterposedCalls()) {
    if (call.name == name) return &call;
  }
  return nullptr;
}

volatile uint64_t kept;  // what calls return

struct Case {
  std::string_view name;
  std::function<void()> call;
};

std::vector<Case> Cases() {
  static timespec at{};
  static timeval day{};
  static const timespec wanted{.tv_sec = 3600, .tv_nsec = 0};
  static unsigned char bytes[8];
  return {
      {"clock_gettime", [] { kept = static_cast<uint64_t>(clock_gettime(CLOCK_MONOTONIC, &at)); }},
      {"gettimeofday", [] { kept = static_cast<uint64_t>(gettimeofday(&day, nullptr)); }},
      {"time", [] { kept = static_cast<uint64_t>(time(nullptr)); }},
      {"timespec_get", [] { kept = static_cast<uint64_t>(timespec_get(&at, TIME_UTC)); }},
      {"clock", [] { kept = static_cast<uint64_t>(clock()); }},
      {"nanosleep", [] { EXPECT_EQ(nanosleep(&wanted, nullptr), 0); }},
      {"clock_nanosleep", [] { EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &wanted, nullptr), 0); }},
      {"usleep", [] { EXPECT_EQ(usleep(3'600'000'000u), 0); }},
      {"sleep", [] { EXPECT_EQ(sleep(3600), 0u); }},
      {"poll", [] { EXPECT_EQ(poll(nullptr, 0, 3'600'000), 0); }},
      {"select",
       [] {
         timeval hour{.tv_sec = 3600, .tv_usec = 0};
         EXPECT_EQ(select(0, nullptr, nullptr, nullptr, &hour), 0);
       }},
      {"getrandom", [] { EXPECT_EQ(getrandom(bytes, sizeof(bytes), 0), 8); }},
      {"getentropy", [] { EXPECT_EQ(getentropy(bytes, sizeof(bytes)), 0); }},
      {"arc4random", [] { kept = arc4random(); }},
      {"arc4random_buf", [] { arc4random_buf(bytes, sizeof(bytes)); }},
      {"arc4random_uniform", [] { EXPECT_LT(arc4random_uniform(7), 7u); }},
      {"rand", [] { kept = static_cast<uint64_t>(rand()); }},
      {"random", [] { kept = static_cast<uint64_t>(random()); }},
      {"std::random_device",
       [] {
         std::random_device device;
         kept = device();
       }},
      {"/dev/random or /dev/urandom",
       [] {
         std::ifstream file("/dev/urandom");
         EXPECT_GE(file.get(), 0);
       }},
      {"getenv", [] { EXPECT_NE(getenv("PATH"), nullptr); }},
      {"secure_getenv", [] { EXPECT_NE(secure_getenv("PATH"), nullptr); }},
      {"pthread_create",
       [] {
         bool ran = false;
         std::thread([&] { ran = true; }).join();
         EXPECT_TRUE(ran);
       }},
  };
}

TEST(Interpose, EveryCallIsSeenInAStageWorksAndIsPutDownToIt) {
  std::set<std::string_view> tried;
  for (const Case& c : Cases()) {
    const InterposedCall* const call = Find(c.name);
    if (call == nullptr) continue;
    tried.insert(c.name);
    const auto found = In(c.call);
    ASSERT_EQ(found.count(std::string(c.name)), 1u) << c.name;
    const StageFinding& finding = found.at(std::string(c.name));
    EXPECT_EQ(finding.kind, call->kind) << c.name;
    EXPECT_EQ(finding.stage, "odd");
    EXPECT_EQ(finding.input, "job-1");
    EXPECT_NE(finding.text.find(c.name), std::string::npos) << finding.text;
  }
  EXPECT_EQ(tried.size(), InterposedCalls().size()) << "a call without a case";
}

// Through libraries, and from headers of the standard library.
TEST(Interpose, WhatPeopleWriteIsSeen) {
  if (InterposedCalls().empty()) return;
  EXPECT_EQ(In([] {
              kept = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
            }).count("clock_gettime"),
            1u);
  EXPECT_EQ(In([] {
              kept = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
            }).count("clock_gettime"),
            1u);
  EXPECT_EQ(In([] { kept = static_cast<uint64_t>(absl::ToUnixNanos(absl::Now())); }).count("clock_gettime"), 1u);
  EXPECT_EQ(In([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).size(), 1u);
  EXPECT_EQ(In([] { absl::SleepFor(absl::Hours(1)); }).size(), 1u);
  EXPECT_EQ(In([] { std::random_device("/dev/urandom")(); }).count("std::random_device"), 1u);
  EXPECT_EQ(In([] {
              const int file = open("/dev/random", O_RDONLY | O_CLOEXEC);
              EXPECT_GE(file, 0);
              close(file);
            }).size(),
            1u);
}

TEST(Interpose, OutsideOfStagesNothingIsToldAndAllIsAsEver) {
  StageFindings findings;
  StageCall call{.stage = "odd", .input = "job-1", .sink = &findings};
  InStage in(&call);
  // In a port, and on a thread that runs no stage.
  StageCall* const paused = StageMarker::Pause();
  EXPECT_EQ(paused, &call);
  const int64_t before = absl::GetCurrentTimeNanos();
  const timespec short_wait{.tv_sec = 0, .tv_nsec = 2'000'000};
  EXPECT_EQ(nanosleep(&short_wait, nullptr), 0);
  EXPECT_GE(absl::GetCurrentTimeNanos() - before, 1'000'000) << "slept";
  std::thread([] { kept = static_cast<uint64_t>(time(nullptr)); }).join();
  EXPECT_NE(getenv("PATH"), nullptr);
  const std::string path = std::string(getenv("TEST_TMPDIR")) + "/file";
  const int file = open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC, 0640);
  ASSERT_GE(file, 0);
  EXPECT_EQ(write(file, "x", 1), 1);
  close(file);
  EXPECT_EQ(std::ifstream(path).get(), 'x');
  StageMarker::Restore(paused);
  EXPECT_TRUE(findings.all().empty());
  EXPECT_EQ(call.port_calls, 1u);
}

TEST(Interpose, OtherFilesAndWaitsForThemAreNoFindings) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const auto found = In([&] {
    pollfd readable{.fd = pipe_ends[0], .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&readable, 1, 0), 0);
    std::ifstream file("/dev/null");
    EXPECT_EQ(file.get(), std::char_traits<char>::eof());
  });
  EXPECT_TRUE(found.empty());
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

}  // namespace
}  // namespace millrace::sim
