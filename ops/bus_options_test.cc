#include "ops/bus_options.h"

#include <gtest/gtest.h>

#include "ops/backends.h"

namespace millrace::ops {
namespace {

TEST(BusOptionsTest, TheyBecomeParametersOfTheUrl) {
  EXPECT_EQ(WithBusOptions("kafka://a:1", {}), "kafka://a:1");
  EXPECT_EQ(WithBusOptions("kafka://a:1", {{"ssl.ca.location", "/etc/ca.pem"}}),
            "kafka://a:1?ssl.ca.location=/etc/ca.pem");
  EXPECT_EQ(WithBusOptions("kafka://a:1?prefix=x.", {{"linger.ms", "5"}}), "kafka://a:1?prefix=x.&linger.ms=5");
}

TEST(BusOptionsTest, ValuesAreEncoded) {
  EXPECT_EQ(WithBusOptions("kafka://a:1", {{"sasl.password", "a&b%c d?#ä"}}),
            "kafka://a:1?sasl.password=a%26b%25c%20d%3F%23%C3%A4");
}

TEST(BusOptionsTest, TheLastOneCounts) {
  EXPECT_EQ(WithBusOptions("kafka://a:1?prefix=x.&linger.ms=1", {{"prefix", "y."}, {"prefix", "z."}}),
            "kafka://a:1?linger.ms=1&prefix=z.");
}

TEST(BusOptionsTest, WhatIsNoOptionIsNotShown) {
  const auto parsed = ParseBusOptions({"linger.ms=5", "hunter2"});
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(parsed.status().message().find("bus option 2"), std::string::npos);
  EXPECT_EQ(parsed.status().message().find("hunter2"), std::string::npos);
  EXPECT_EQ(ParseBusOptions({"a=b=c", "d="})->at(0), (std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_FALSE(ParseBusOptions({"=x"}).ok());
}

TEST(BusOptionsTest, SecretsAreNotPrinted) {
  for (const std::string name :
       {"sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"}) {
    const std::string url = WithBusOptions("kafka://a:1", {{name, "hunter2"}});
    EXPECT_EQ(PrintableBus(url), "kafka://a:1?" + name + "=***");
    EXPECT_EQ(PrintableBus(WithBusOptions("kafka://a:1", {{name, "env:PASSWORD"}})),
              "kafka://a:1?" + name + "=env:PASSWORD");
  }
  const std::string amqp = WithBusOptions("amqp://host/", {{"password", "hunter2"}});
  EXPECT_EQ(PrintableBus(amqp).find("hunter2"), std::string::npos) << PrintableBus(amqp);
  EXPECT_TRUE(CapabilitiesOf(amqp).ok());
  const auto bad = CapabilitiesOf(amqp + "&nonsense=1");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().ToString().find("hunter2"), std::string::npos) << bad.status();
}

}  // namespace
}  // namespace millrace::ops
