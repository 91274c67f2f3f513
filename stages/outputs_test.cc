#include "stages/outputs.h"

#include <gtest/gtest.h>

#include "bus/envelope.h"
#include "bus/partition.h"
#include "stages/receipts.h"

namespace millrace::stages {
namespace {

class OutputsTest : public testing::Test {
 protected:
  OutputsTest() : pool_(4096), arena_(&pool_) {
    settings_.stage = "split";
    settings_.source = "/p/split";
    settings_.outputs = {{.name = "left", .topic = 0, .partitions = 8}, {.name = "right", .topic = 1, .partitions = 8}};
    settings_.message_bytes_max = 2000;
  }
  // Begins an attempt for a message with this envelope.
  void Begin(Outputs& outputs) { outputs.Begin(input_, envelope_, envelope_.id); }

  bus::SegmentPool pool_;
  OutputArena arena_;
  OutputSettings settings_;
  bus::Message input_{.key = "key-1", .body = "in", .headers = {}, .timestamp_ms = 5};
  bus::Envelope envelope_{.id = "job-1", .source = "/feed", .traceparent = "00-ab-cd-01"};
  std::vector<EncodedOutput> out_;
};

TEST_F(OutputsTest, DerivesTheSameIdAndDigestAgainAndOthersForOtherContent) {
  std::vector<std::string> ids, digests;
  for (const char* body : {"x", "x", "y"}) {
    Outputs outputs(settings_, arena_);
    Begin(outputs);
    ASSERT_TRUE(outputs.Emit({.to = "left", .body = body, .type = "t"}).ok());
    ASSERT_TRUE(outputs.Finish(&out_).ok());
    const bus::Envelope e = bus::ReadEnvelope(out_[0].message.headers);
    ids.emplace_back(e.id);
    digests.emplace_back(e.digest);
    EXPECT_EQ(e.source, "/p/split");
    EXPECT_EQ(e.type, "t");
    EXPECT_EQ(e.root, "job-1");
    EXPECT_EQ(e.share, "");
    EXPECT_EQ(e.traceparent, "00-ab-cd-01");
    EXPECT_EQ(out_[0].message.key, "key-1") << "the input's key unless another is given";
    EXPECT_EQ(out_[0].partition, bus::PartitionOfKey("key-1", 8));
  }
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[1], ids[2]) << "the id is the place, not the content";
  EXPECT_EQ(digests[0], digests[1]);
  EXPECT_NE(digests[1], digests[2]);
}

TEST_F(OutputsTest, NamesAndIndicesTellOutputsApartAndSharesCoverTheJob) {
  Outputs outputs(settings_, arena_);
  envelope_.root = "root";
  envelope_.share = "1/2";
  Begin(outputs);
  ASSERT_TRUE(outputs.Emit({.to = "left", .body = "a"}).ok());
  ASSERT_TRUE(outputs.Emit({.to = "right", .key = "other", .body = std::nullopt, .name = "n"}).ok());
  ASSERT_TRUE(outputs.Finish(&out_).ok());
  ASSERT_EQ(out_.size(), 2u);
  EXPECT_EQ(bus::ReadEnvelope(out_[0].message.headers).share, "1/2.1/2");
  EXPECT_EQ(bus::ReadEnvelope(out_[1].message.headers).share, "1/2.2/2");
  EXPECT_EQ(bus::ReadEnvelope(out_[1].message.headers).root, "root");
  EXPECT_NE(bus::ReadEnvelope(out_[0].message.headers).id, bus::ReadEnvelope(out_[1].message.headers).id);
  EXPECT_EQ(out_[1].topic, 1);
  EXPECT_FALSE(out_[1].message.body.has_value()) << "a tombstone stays one";
}

TEST_F(OutputsTest, WhatCannotBeIsRefused) {
  Outputs outputs(settings_, arena_);
  Begin(outputs);
  EXPECT_EQ(outputs.Emit({.to = "middle", .body = "a"}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(outputs.Emit({.to = {}, .body = std::string(3000, 'x')}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(outputs.Emit({.to = {}, .body = "a", .name = "n"}).ok());
  EXPECT_EQ(outputs.Emit({.to = {}, .body = "b", .name = "n"}).code(), absl::StatusCode::kAlreadyExists);
  Begin(outputs);
  const std::string body(1950, 'x');
  EXPECT_TRUE(outputs.Emit({.to = {}, .body = body}).ok());
  EXPECT_EQ(outputs.Finish(&out_).code(), absl::StatusCode::kInvalidArgument) << "over the limit with its headers";
  EXPECT_TRUE(out_.empty());
  settings_.outputs_max = 2;
  Begin(outputs);
  EXPECT_TRUE(outputs.Emit({.to = {}, .body = "1"}).ok());
  EXPECT_TRUE(outputs.Emit({.to = {}, .body = "2"}).ok());
  EXPECT_EQ(outputs.Emit({.to = {}, .body = "3"}).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(OutputsTest, AnEndWithoutOutputLeavesAReceiptWithItsReason) {
  settings_.receipts = OutputSpec{.name = "receipts", .topic = 2, .partitions = 1};
  Outputs outputs(settings_, arena_);
  Begin(outputs);
  outputs.Drop("dropped: not for sale");
  ASSERT_TRUE(outputs.Finish(&out_).ok());
  ASSERT_EQ(out_.size(), 1u);
  const bus::Envelope e = bus::ReadEnvelope(out_[0].message.headers);
  EXPECT_EQ(out_[0].topic, 2);
  EXPECT_EQ(e.type, kReceiptType);
  EXPECT_EQ(e.subject, "job-1");
  EXPECT_EQ(e.root, "job-1");
  EXPECT_EQ(out_[0].message.body, "dropped: not for sale");
}

TEST_F(OutputsTest, ASinkLeavesNone) {
  Outputs outputs(settings_, arena_);
  Begin(outputs);
  ASSERT_TRUE(outputs.Finish(&out_).ok());
  EXPECT_TRUE(out_.empty());
}

TEST_F(OutputsTest, BytesStayWhenTheArenaMovesOn) {
  std::vector<std::vector<EncodedOutput>> all(200);
  std::vector<bus::SegmentRef> segments;
  Outputs outputs(settings_, arena_);
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string body(100, static_cast<char>('a' + i % 26));
    Begin(outputs);
    ASSERT_TRUE(outputs.Emit({.to = {}, .body = body}).ok());
    ASSERT_TRUE(outputs.Finish(&all[i]).ok());
    arena_.TakeSegments(&segments);
  }
  for (size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i][0].message.body, std::string(100, static_cast<char>('a' + i % 26)));
}

TEST_F(OutputsTest, ShowsWhatWasEmittedSoFar) {
  Outputs first(settings_, arena_), second(settings_, arena_);
  Begin(first);
  ASSERT_TRUE(first.Emit({.body = "a", .type = "t", .name = "n"}).ok());
  ASSERT_TRUE(first.Emit({.to = "right", .key = "other"}).ok());
  second.BeginAgain(first);
  EXPECT_EQ(second.emitted(), 0u);
  second.Drop("not for sale");
  EXPECT_EQ(second.drop_reason(), "not for sale");
  ASSERT_EQ(first.emitted(), 2u);
  EXPECT_EQ(first.Emitted(0).to, "left");
  EXPECT_EQ(first.Emitted(0).key, "key-1");
  EXPECT_EQ(first.Emitted(0).body, "a");
  EXPECT_EQ(first.Emitted(0).type, "t");
  EXPECT_EQ(first.Emitted(0).name, "n");
  EXPECT_EQ(first.Emitted(1).to, "right");
  EXPECT_EQ(first.Emitted(1).key, "other");
  EXPECT_EQ(first.Emitted(1).body, std::nullopt);
}

}  // namespace
}  // namespace millrace::stages
