#include "stages/discard.h"

#include <gtest/gtest.h>

#include "bus/envelope.h"
#include "stages/receipts.h"

namespace millrace::stages {
namespace {

class NoClock : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  WallTime Wall() const override { return {}; }
};

TEST(Discard, EndsTheJobWithAReceiptThatSaysWhy) {
  Registry registry;
  ASSERT_TRUE(RegisterDiscard(registry).ok());
  StageConfig config;
  config.options.Add("reason", "not needed");
  const auto stage = registry.FindStage("discard")->make(config);
  ASSERT_TRUE(stage.ok());

  bus::SegmentPool pool(4096);
  OutputArena arena(&pool);
  OutputSettings settings;
  settings.stage = "end";
  settings.receipts = OutputSpec{.name = "receipts", .topic = 0, .partitions = 1};
  Outputs outputs(settings, arena);
  const bus::Message message{.key = "k", .body = "b", .headers = {}, .timestamp_ms = 0};
  const bus::Envelope envelope{.id = "job", .root = "root"};
  const Context::Input input{.id = "job", .root = "root", .share = "", .attempt = 1, .epoch = 1};
  const NoClock clock;
  const Random random(1);
  Context context(input, clock, random, 0, nullptr);
  outputs.Begin(message, envelope, "job");
  ASSERT_TRUE((*stage)->Process(context, message, outputs).ok());
  std::vector<EncodedOutput> out;
  ASSERT_TRUE(outputs.Finish(&out).ok());
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].message.body, "not needed");
  EXPECT_EQ(bus::ReadEnvelope(out[0].message.headers).type, kReceiptType);
  EXPECT_EQ(bus::ReadEnvelope(out[0].message.headers).root, "root");
}

}  // namespace
}  // namespace millrace::stages
