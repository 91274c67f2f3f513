// The contract is usable from outside with std's vocabulary alone.
#include "bus/bus.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bus/envelope.h"
#include "bus/message.h"
#include "bus/partition.h"

TEST(Bus, HeadersTakeStdTypes) {
  const std::string name = "ce_id";
  const std::optional<std::string> value = "42";
  millrace::bus::HeaderBuilder headers;
  headers.Add(name, value).Add("empty", std::nullopt);
  const std::optional<std::string_view> found = headers.View().Find("ce_id");
  EXPECT_EQ(found, "42");
  EXPECT_EQ(millrace::bus::ReadEnvelope(headers.View()).id, "42");
  EXPECT_EQ(millrace::bus::PartitionOfKey("foobar", 50), 16);
}

TEST(Bus, TopologiesAreAggregates) {
  const millrace::bus::Topology topology{.topics = {{.name = "raw", .partitions = 8, .groups = {"parse"}}}};
  EXPECT_EQ(topology.topics[0].groups[0], "parse");
}
