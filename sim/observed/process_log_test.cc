// What a process writes down, and that it can be read again.
#include "sim/observed/process_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bus/envelope.h"
#include "sim/message_content.h"
#include "sim/observed/process_reader.h"

namespace millrace::sim {
namespace {

using stages::Actions;

class ProcessLogTest : public ::testing::Test {
 protected:
  ProcessLogTest() : path(::testing::TempDir() + "/process.history") {
    bus::HeaderBuilder headers(&block);
    bus::WriteEnvelope({.id = "one", .source = "/p/parse", .type = "t"}, headers);
    message.body = "body";
    message.headers = bus::Headers(block);
    auto opened = ProcessLog::Open(path, "w 1", "parse", topics, on_failure);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    log = *std::move(opened);
  }
  // `worker`: what the step itself does to what the event points to.
  void Step(const stages::Event& event, size_t first = 0, const std::function<void()>& worker = nullptr) {
    now.monotonic.ns += 10;
    log->BeforeStep(now, event);
    if (worker != nullptr) worker();
    log->OnStep(now, event, actions, first);
    actions.Clear();
  }
  // Kinds and numbers, a line each.
  std::vector<std::string> Read() {
    std::vector<std::string> lines;
    const absl::Status read = ReadProcessLog(
        path,
        [&](const ProcessHead& h) {
          head = h;
          return absl::OkStatus();
        },
        [&](const ProcessLine& line) {
          std::string text = std::string(1, line.kind) + " " + std::to_string(line.at_ns);
          for (const uint64_t number : line.numbers) text += " " + std::to_string(number);
          if (line.id == bus::DigestOf("one") && line.content == ContentOf("t", message)) text += " one";
          lines.push_back(text);
          return absl::OkStatus();
        });
    EXPECT_TRUE(read.ok()) << read.ToString();
    return lines;
  }

  const std::string path;
  const std::vector<std::string> topics{"parsed", "dead"};
  std::string block;
  bus::Message message;
  std::vector<absl::Status> failures;
  const std::function<void(const absl::Status&)> on_failure = [this](const absl::Status& s) { failures.push_back(s); };
  std::unique_ptr<ProcessLog> log;
  stages::Instant now;
  Actions actions;
  ProcessHead head;
};

TEST_F(ProcessLogTest, AMessageFromItsDeliveryToItsSettlement) {
  const bus::Holding holding{{0, 3}, 7};
  const bus::Assignment assignment{holding, 40, ""};
  Step(stages::AssignedEvent{{&assignment, 1}});

  stages::AttemptGroup group;
  group.items.resize(1);
  group.items[0].holding = holding;
  group.items[0].delivery.sequence = 41;
  group.items[0].delivery.message = message;
  group.results = std::make_unique<stages::AttemptResult[]>(1);
  const bus::Delivery& delivery = group.items[0].delivery;
  actions.list.emplace_back(stages::DispatchAction{&group});
  Step(stages::DeliveredEvent{{holding, {&delivery, 1}, {}}});

  group.results[0].outputs.push_back({.topic = 0, .partition = 2, .message = message});
  actions.outgoing.push_back({.topic = 0, .partition = 2, .message = message});
  actions.list.emplace_back(stages::PublishAction{0, 1, 5});
  // The worker takes the group for another dispatch.
  Step(stages::AttemptsEvent{&group, 0, 1}, 0, [&group] {
    group.items[0].delivery.sequence = 99;
    group.results[0].outputs.clear();
  });

  actions.ranges.push_back({41, 41});
  actions.list.emplace_back(stages::SettleAction{.holding = holding, .first_range = 0, .range_count = 1, .next = 42});
  actions.list.emplace_back(stages::ReleaseAction{holding});
  Step(stages::ConfirmedEvent{{5, 1, absl::OkStatus()}});

  EXPECT_EQ(Read(), (std::vector<std::string>{"a 10 3 7 40 0 0 0 0", "D 20 3 7 41 0 0 0 0 one", "d 20 3 7 41 1 0 0 0",
                                              "A 30 3 7 41 1 0 0 1", "O 30 0 0 0 0 0 0 0 one", "P 30 5 0 2 0 0 0 0 one",
                                              "C 40 5 1 0 0 0 0 0", "s 40 3 7 41 41 0 0 0", "c 40 3 7 42 0 0 0 0",
                                              "x 40 3 7 0 0 0 0 0"}));
  EXPECT_EQ(head.process, "w 1");
  EXPECT_EQ(head.stage, "parse");
  EXPECT_EQ(head.topics, topics);
}

TEST_F(ProcessLogTest, ATransaction) {
  const bus::Holding holding{{0, 0}, 1};
  actions.settles.push_back({.holding = holding, .next = 9});
  actions.list.emplace_back(stages::TransactAction{.commit = true, .first = 0, .count = 1});
  Step(stages::TimerEvent{});
  actions.ranges.push_back({8, 8});
  actions.list.emplace_back(stages::SettleAction{.holding = holding, .range_count = 1, .next = 9, .committed = true});
  Step(stages::TransactedEvent{absl::OkStatus()});
  EXPECT_EQ(Read(), (std::vector<std::string>{"c 10 0 1 9 0 0 0 0", "T 10 1 0 0 0 0 0 0", "t 20 0 0 0 0 0 0 0",
                                              "s 20 0 1 8 8 0 0 0"}));
}

TEST_F(ProcessLogTest, OnlyWhatThisStepHasLedTo) {
  actions.list.emplace_back(stages::ReleaseAction{{{0, 0}, 1}});
  actions.list.emplace_back(stages::ReleaseAction{{{0, 1}, 1}});
  Step(stages::DrainEvent{}, 1);
  log->Trouble(MonotonicTime{30}, absl::UnavailableError("gone"));
  log->End(MonotonicTime{40}, absl::OkStatus());
  EXPECT_EQ(Read(), (std::vector<std::string>{"g 10 0 0 0 0 0 0 0", "x 10 1 1 0 0 0 0 0", "! 30 14 0 0 0 0 0 0",
                                              "E 40 0 0 0 0 0 0 0"}));
  EXPECT_TRUE(log->status().ok());
}

// No file of this process may become larger.
TEST_F(ProcessLogTest, WhatCannotBeWrittenIsToldBeforeAnythingIsDone) {
  Step(stages::DrainEvent{});
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit full = before;
  full.rlim_cur = static_cast<rlim_t>(std::filesystem::file_size(path)) + 3;
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  actions.list.emplace_back(stages::ReleaseAction{{{0, 0}, 1}});
  Step(stages::TimerEvent{});
  EXPECT_EQ(failures.size(), 1u);
  Step(stages::DrainEvent{});
  log->End(MonotonicTime{40}, absl::OkStatus());
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old);
  EXPECT_EQ(failures.size(), 1u) << "told once";
  EXPECT_FALSE(log->status().ok());
  EXPECT_EQ(Read(), std::vector<std::string>{"g 10 0 0 0 0 0 0 0"}) << "a torn line, and nothing behind it";
}

TEST_F(ProcessLogTest, TwoThatAreAliveDoNotShareAName) {
  Step(stages::DrainEvent{});
  const absl::Status second = ProcessLog::Open(path, "w 1", "parse", topics, on_failure).status();
  EXPECT_TRUE(absl::IsAlreadyExists(second)) << second;
  EXPECT_NE(std::string(second.message()).find("another process that is called \"w 1\" is alive"), std::string::npos);
  EXPECT_NE(std::string(second.message()).find("--name NAME"), std::string::npos) << second;
  EXPECT_EQ(Read().size(), 1u) << "what the first has written stays";
}

TEST_F(ProcessLogTest, WhoHasTheNameOfOneBeforeBeginsAnew) {
  Step(stages::DrainEvent{});
  log.reset();
  auto again = ProcessLog::Open(path, "w 1", "parse", topics, on_failure);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(Read().empty());
  EXPECT_TRUE(absl::IsInvalidArgument(ProcessLog::Open(path, "a\nb", "parse", topics, on_failure).status()));
  EXPECT_FALSE(ProcessLog::Open(::testing::TempDir() + "/no/such", "w", "parse", topics, on_failure).ok());
}

}  // namespace
}  // namespace millrace::sim
