#include "stages/pipeline_config.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace millrace::stages {
namespace {

using std::chrono::milliseconds;

Pipeline Parse(const std::string& text) {
  Pipeline pipeline;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &pipeline));
  return pipeline;
}

constexpr char kTwoStages[] = R"(
  name: "orders"
  topic { name: "raw" partitions: 8 }
  topic { name: "priced" partitions: 4 unordered: true backlog_bytes_max: 100 }
  topic { name: "dead" dead_letter: true }
  topic { name: "done" partitions: 2 }
  receipts: "done"
  source { name: "feed" kind: "lines" topic: "raw" option { key: "file" value: "a" } }
  stage { name: "price" kind: "price" input: "raw" output { topic: "priced" } output { name: "again" topic: "priced" } dead_letter: "dead" }
  stage {
    name: "store" kind: "store" input: "priced" dead_letter: "dead" group: "mine" instances: 3 concurrency: 2 batch: 7
    window { messages: 9 bytes: 10 } retry { attempts_max: 1 backoff_ms_initial: 2 backoff_ms_max: 3 multiplier: 4 suspect_after_starts: 5 deaths_max: 6 }
    attempt_timeout_ms: 11 timeout_grace_ms: 12 ordering: STRICT option { key: "k" value: "v" }
  }
  port { name: "db" kind: "sqlite" }
)";

TEST(PipelineConfigTest, FillsInDefaults) {
  const absl::StatusOr<ResolvedPipeline> resolved = Resolve(Parse(kTwoStages));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->bus, "mem:");
  const StageSettings& price = resolved->stages[0];
  EXPECT_EQ(price.group, "orders.price");
  EXPECT_EQ(price.source, "/orders/price");
  EXPECT_EQ(price.instances, 1);
  EXPECT_EQ(price.concurrency, 1);
  EXPECT_EQ(price.batch, 64);
  EXPECT_EQ(price.window_messages, 1024);
  EXPECT_EQ(price.window_bytes, 8 << 20);
  EXPECT_EQ(price.retry.attempts_max, 5);
  EXPECT_EQ(price.retry.backoff_initial, milliseconds(100));
  EXPECT_EQ(price.retry.backoff_max, milliseconds(30'000));
  EXPECT_EQ(price.retry.multiplier, 2);
  EXPECT_EQ(price.retry.suspect_after_starts, 3);
  EXPECT_EQ(price.retry.deaths_max, 3);
  EXPECT_EQ(price.attempt_timeout, milliseconds(0));
  EXPECT_EQ(price.timeout_grace, milliseconds(30'000));
  EXPECT_FALSE(price.inline_execution || price.park_key || price.strict || price.exactly_once);
  EXPECT_EQ(resolved->topics[0].backlog_bytes_max, 4 << 20);
  EXPECT_EQ(resolved->topics[2].backlog_bytes_max, 0) << "dead letters are never held back";
  EXPECT_EQ(resolved->topics[3].backlog_bytes_max, 0) << "receipts are never held back";
}

TEST(PipelineConfigTest, KeepsWhatIsGiven) {
  const absl::StatusOr<ResolvedPipeline> resolved = Resolve(Parse(kTwoStages));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const StageSettings& store = resolved->stages[1];
  EXPECT_EQ(store.group, "mine");
  EXPECT_EQ(store.instances, 3);
  EXPECT_EQ(store.concurrency, 2);
  EXPECT_EQ(store.batch, 7);
  EXPECT_EQ(store.window_messages, 9);
  EXPECT_EQ(store.window_bytes, 10);
  EXPECT_EQ(store.retry.attempts_max, 1);
  EXPECT_EQ(store.retry.backoff_initial, milliseconds(2));
  EXPECT_EQ(store.retry.backoff_max, milliseconds(3));
  EXPECT_EQ(store.retry.multiplier, 4);
  EXPECT_EQ(store.retry.suspect_after_starts, 5);
  EXPECT_EQ(store.retry.deaths_max, 6);
  EXPECT_EQ(store.attempt_timeout, milliseconds(11));
  EXPECT_EQ(store.timeout_grace, milliseconds(12));
  EXPECT_TRUE(store.strict);
  EXPECT_EQ(store.options.Get("k"), "v");
  EXPECT_EQ(resolved->topics[1].backlog_bytes_max, 100);
  EXPECT_EQ(resolved->ports[0].kind, "sqlite");
}

TEST(PipelineConfigTest, WiresOutputsToTheTopicsThatTheProducerOpens) {
  const absl::StatusOr<ResolvedPipeline> resolved = Resolve(Parse(kTwoStages));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const StageSettings& price = resolved->stages[0];
  EXPECT_EQ(price.input_topic, 0);
  EXPECT_EQ(price.input_partitions, 8);
  EXPECT_EQ(price.producer_topics, (std::vector<std::string>{"priced", "dead", "done"}));
  ASSERT_EQ(price.outputs.size(), 2u);
  EXPECT_EQ(price.outputs[0].topic, 0);
  EXPECT_EQ(price.outputs[0].partitions, 4);
  EXPECT_EQ(price.outputs[1].name, "again");
  EXPECT_EQ(price.outputs[1].topic, 0) << "two outputs, one topic";
  EXPECT_EQ(price.dead_letter.topic, 1);
  ASSERT_TRUE(price.receipts.has_value());
  EXPECT_EQ(price.receipts->topic, 2);
  EXPECT_EQ(price.receipts->partitions, 2);
  EXPECT_EQ(resolved->sources[0].partitions, 8);
  EXPECT_EQ(resolved->sources[0].options.Get("file"), "a");
}

TEST(PipelineConfigTest, TopologyKnowsWhoReads) {
  const absl::StatusOr<ResolvedPipeline> resolved = Resolve(Parse(kTwoStages));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const bus::Topology topology = TopologyOf(*resolved);
  ASSERT_EQ(topology.topics.size(), 4u);
  EXPECT_EQ(topology.topics[0].groups, std::vector<std::string>{"orders.price"});
  EXPECT_TRUE(topology.topics[0].ordered);
  EXPECT_FALSE(topology.topics[0].keep);
  EXPECT_EQ(topology.topics[1].groups, std::vector<std::string>{"mine"});
  EXPECT_FALSE(topology.topics[1].ordered);
  EXPECT_EQ(topology.topics[2].groups, std::vector<std::string>{"orders.ledger"});
  EXPECT_TRUE(topology.topics[2].keep);
  EXPECT_EQ(topology.topics[3].groups, std::vector<std::string>{"orders.ledger"});
  EXPECT_TRUE(topology.topics[3].keep);
}

TEST(PipelineConfigTest, StagesThatReadOneTopicAreBranchesOfAJob) {
  const absl::StatusOr<ResolvedPipeline> resolved = Resolve(Parse(R"(
      name: "p" topic { name: "t" } topic { name: "u" } topic { name: "dead" }
      stage { name: "a" input: "t" dead_letter: "dead" } stage { name: "b" input: "u" dead_letter: "dead" }
      stage { name: "c" input: "t" dead_letter: "dead" })"));
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->stages[0].branch, ".1/2");
  EXPECT_EQ(resolved->stages[1].branch, "");
  EXPECT_EQ(resolved->stages[2].branch, ".2/2");
  EXPECT_EQ(resolved->topics[0].groups, (std::vector<std::string>{"p.a", "p.c"}));
}

TEST(PipelineConfigTest, RefusesWhatMakesNoSense) {
  for (const char* text :
       {"", R"(name: "p" receipts: "none")", R"(name: "p" topic { name: "t" partitions: -1 })",
        R"(name: "p" topic { name: "t" } topic { name: "t" })", R"(name: "p" source { name: "s" topic: "t" })",
        R"(name: "p" topic { name: "t" } stage { name: "s" input: "t" })",
        R"(name: "p" topic { name: "t" } stage { name: "s" input: "t" dead_letter: "t" batch: -1 })",
        R"(name: "p" topic { name: "t" } stage { name: "s" input: "t" dead_letter: "t" output { topic: "u" } })"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Resolve(Parse(text)).status())) << text;
  }
}

TEST(PipelineConfigTest, AbsurdlyLongTimesDoNotOverflow) {
  const absl::StatusOr<ResolvedPipeline> resolved = Resolve(Parse(
      R"(name: "p" topic { name: "t" } stage { name: "s" input: "t" dead_letter: "t" attempt_timeout_ms: 9223372036854775807 })"));
  ASSERT_TRUE(resolved.ok());
  EXPECT_GT(resolved->stages[0].attempt_timeout, std::chrono::hours(24 * 365));
}

TEST(PipelineConfigTest, SchemeOfUrls) {
  EXPECT_EQ(SchemeOf("mem:"), "mem");
  EXPECT_EQ(SchemeOf("kafka://a:9092"), "kafka");
  EXPECT_EQ(SchemeOf("plain"), "plain");
}

}  // namespace
}  // namespace millrace::stages
