#include "stages/attempt_runner.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace millrace::stages {
namespace {

class StillClock : public Clock {
 public:
  MonotonicTime Now() const override { return {1}; }
  WallTime Wall() const override { return {1}; }
};

class Nobody : public AttemptReporter {
 public:
  void Report(AttemptGroup*, uint32_t, uint32_t to) override { told = to; }
  uint32_t told = 0;
};

// Passes bodies on; throws when "bad" is among them; remembers how many came together.
class ThrowsAtBad : public BatchStage {
 public:
  explicit ThrowsAtBad(std::vector<size_t>* sizes) : sizes_(sizes) {}
  void Process(std::span<BatchItem> batch) override {
    sizes_->push_back(batch.size());
    for (BatchItem& item : batch) {
      if (*item.message.body == "bad") throw std::runtime_error("bad is among them");
      item.status = item.outputs.Emit({.body = item.message.body});
    }
  }

 private:
  std::vector<size_t>* sizes_;
};

TEST(AttemptRunner, ABatchThatThrowsIsTriedOneByOneAndOnlyTheCulpritHasFailed) {
  std::vector<size_t> sizes;
  bus::SegmentPool pool(4096);
  const StillClock clock;
  AttemptRunner::Config config;
  config.outputs.stage = "s";
  config.outputs.source = "/p/s";
  config.outputs.outputs = {{.name = "", .topic = 0, .partitions = 1}};
  config.inputs = {"in"};
  AttemptRunner runner(config, nullptr, std::make_unique<ThrowsAtBad>(&sizes), &pool, &clock);
  AttemptGroup group;
  const std::vector<std::string> bodies = {"one", "bad", "three"};
  group.results = std::make_unique<AttemptResult[]>(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) {
    AttemptItem item;
    item.delivery.sequence = i;
    item.delivery.message.body = bodies[i];
    group.items.push_back(item);
  }
  Nobody nobody;
  runner.Run(&group, &nobody);
  EXPECT_EQ(nobody.told, 3u);
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 1, 1, 1}));
  EXPECT_TRUE(group.results[0].status.ok()) << group.results[0].status;
  EXPECT_EQ(group.results[1].status.code(), absl::StatusCode::kUnknown);
  EXPECT_TRUE(group.results[2].status.ok()) << group.results[2].status;
  EXPECT_EQ(group.results[0].outputs.size(), 1u);
  EXPECT_EQ(group.results[2].outputs.size(), 1u);
}

}  // namespace
}  // namespace millrace::stages
