// What is read where the connection is cut meanwhile: each record once, or an error.
#include "ops/audit.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/envelope.h"
#include "ops/system_clock.h"

namespace millrace::ops {
namespace {

// What a queue tells its consumer, step by step.
class Scripted final : public bus::ConsumerDriver {
 public:
  using Step = std::function<void(bus::ConsumerHandler&)>;
  explicit Scripted(std::deque<Step>* steps) : steps_(*steps) {}
  void Poll(bus::ConsumerHandler& handler) override {
    if (steps_.empty()) return;
    const Step step = std::move(steps_.front());
    steps_.pop_front();
    step(handler);
  }
  MonotonicTime NextTimer() const override { return MonotonicTime::Infinite(); }
  void Settle(const struct bus::Settle&) override {}
  void Flow(bus::Holding, bool) override {}
  void Release(bus::Holding) override {}
  absl::Status Close(MonotonicTime) override { return absl::OkStatus(); }

 private:
  std::deque<Step>& steps_;
};

class Queues final : public bus::Bus {
 public:
  Queues() { capabilities_.settlement = bus::Settlement::kIndividual; }
  const bus::Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Apply(const bus::Topology&) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<bus::ConsumerDriver>> OpenConsumer(const bus::ConsumerOptions&, bus::Waker&) override {
    return std::make_unique<Scripted>(&steps);
  }
  absl::StatusOr<std::unique_ptr<bus::ProducerDriver>> OpenProducer(const bus::ProducerOptions&, bus::Waker&) override {
    return absl::UnimplementedError("nobody publishes here");
  }
  absl::StatusOr<std::vector<bus::PartitionLag>> Lag(const std::string&, const std::string& topic) override {
    return std::vector<bus::PartitionLag>{{.topic = topic, .lag = steps.empty() ? 0 : held}};
  }

  std::deque<Scripted::Step> steps;
  int64_t held = 0;

 private:
  bus::Capabilities capabilities_;
};

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() {
    pipeline.name = "p";
    pipeline.topics.emplace_back().name = "raw";
  }
  void Assigned(bus::Epoch epoch) {
    queues.steps.emplace_back([epoch](bus::ConsumerHandler& handler) {
      const bus::Assignment assignment{{{0, 0}, epoch}, 0, ""};
      handler.OnAssigned({&assignment, 1});
    });
  }
  void Lost(bus::Epoch epoch) {
    queues.steps.emplace_back([epoch](bus::ConsumerHandler& handler) {
      const bus::Holding holding{{0, 0}, epoch};
      handler.OnLost({&holding, 1});
    });
  }
  void Delivered(bus::Epoch epoch, uint64_t sequence, std::string id, uint32_t redeliveries = 0) {
    queues.steps.emplace_back([=](bus::ConsumerHandler& handler) {
      std::string block;
      bus::HeaderBuilder headers(&block);
      bus::WriteEnvelope({.id = id, .source = "/p/feed", .type = "t"}, headers);
      bus::Delivery delivery;
      delivery.sequence = sequence;
      delivery.redeliveries = redeliveries;
      delivery.message.headers = bus::Headers(block);
      handler.OnDelivered({{{0, 0}, epoch}, {&delivery, 1}, {}});
    });
  }
  absl::Status Read() {
    return ReadAudit(pipeline, &queues, clock, [&](const AuditRecord& record) {
      ids += bus::ReadEnvelope(record.message.headers).id;
      EXPECT_EQ(record.sequence + 1, ids.size());
    });
  }

  stages::ResolvedPipeline pipeline;
  Queues queues;
  SystemClock clock;
  std::string ids;
};

// "b" was read, and its settlement lost; "c" was on its way to us; "d" had not been handed out.
TEST_F(AuditTest, ACutConnectionLosesNothingAndRepeatsNothing) {
  queues.held = 4;
  Assigned(1);
  Delivered(1, 1, "a");
  Delivered(1, 2, "b");
  Lost(1);
  Assigned(2);
  Delivered(2, 1, "b", 1);
  Delivered(2, 2, "c", 1);
  Delivered(2, 3, "d");
  const absl::Status read = Read();
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_EQ(ids, "abcd");
}

TEST_F(AuditTest, AMessageThatLiesThereTwice) {
  queues.held = 3;
  Assigned(1);
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) Delivered(1, sequence, sequence == 2 ? "b" : "a");
  const absl::Status read = Read();
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_EQ(ids, "aba");
}

// The second "a" was on its way when the connection was cut, or the first comes again: of three, two were read.
TEST_F(AuditTest, WhatCannotBeToldApartIsAnError) {
  queues.held = 3;
  Assigned(1);
  Delivered(1, 1, "a");
  Lost(1);
  Assigned(2);
  Delivered(2, 1, "a", 1);
  Delivered(2, 2, "b");
  const absl::Status read = Read();
  EXPECT_TRUE(absl::IsUnavailable(read)) << read;
  EXPECT_NE(read.message().find("say judge --begin"), std::string::npos) << read;
}

}  // namespace
}  // namespace millrace::ops
