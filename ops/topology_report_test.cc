#include "ops/topology_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Item = bus::TopologyItem;

std::vector<Item> Items() {
  return {{.topic = "a", .what = "topic \"a\""},
          {.topic = "b", .what = "topic \"b\"", .state = Item::State::kMissing, .fields = {{"partitions", "", "8"}}},
          {.topic = "c",
           .what = "topic \"c\"",
           .state = Item::State::kDiffers,
           .fields = {{"retention.ms", "1000", "-1"}},
           .advice = "set it"},
          {.topic = "d",
           .what = "topic \"d\"",
           .state = Item::State::kRefused,
           .fields = {{"partitions", "4", "8"}, {"x", "1", "2"}},
           .advice = "a new version"}};
}

TEST(TopologyReportTest, PeopleSeeSignHaveWantAndTheWayOut) {
  EXPECT_EQ(TopologyAsText(Items()),
            "    topic \"a\"\n"
            "  + topic \"b\": partitions 8\n"
            "  ~ topic \"c\": retention.ms 1000 (wanted -1)\n"
            "      set it\n"
            "  ! topic \"d\": partitions 4 (wanted 8), x 1 (wanted 2)\n"
            "      a new version\n"
            "1 as they should be, 1 missing (+), 1 different (~), 1 refused (!)\n");
}

TEST(TopologyReportTest, ProgramsSeeTheSame) {
  const std::string json = TopologyAsJson(Items());
  EXPECT_THAT(json, HasSubstr(R"("missing":1,"differs":1,"refused":1)"));
  EXPECT_THAT(json, HasSubstr(R"({"name":"partitions","have":"4","want":"8"})"));
  EXPECT_THAT(json, HasSubstr(R"("fields":[{"name":"partitions","want":"8"}])"));
}

TEST(TopologyReportTest, WhatIsRefusedKeepsFromWorkingAndWhatDiffersIsSaid) {
  std::vector<std::string> warnings;
  const absl::Status status = ReadyToWork(Items(), &warnings);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "topic \"d\": partitions is 4, wanted 8, x is 1, wanted 2; a new version");
  EXPECT_THAT(warnings, ElementsAre("topic \"c\": retention.ms is 1000, wanted -1; set it"));
  warnings.clear();
  EXPECT_TRUE(ReadyToWork({Items()[0], Items()[1]}, &warnings).ok());
  EXPECT_TRUE(warnings.empty());
}

}  // namespace
}  // namespace millrace::ops
