#include "bus/kafka/core/kafka_url.h"

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

TEST(KafkaUrl, BrokersAlone) {
  const auto url = ParseKafkaUrl("kafka://a:9092,b.example:19092");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->brokers, "a:9092,b.example:19092");
  EXPECT_TRUE(url->properties.empty());
  EXPECT_EQ(url->session_timeout, std::chrono::seconds(10));
  EXPECT_FALSE(url->cooperative);
  EXPECT_EQ(url->transaction_timeout, Duration::zero());
  EXPECT_TRUE(ParseKafkaUrl("kafka://a:1/?rebalance=eager").ok());
}

TEST(KafkaUrl, ParametersAndProperties) {
  const auto url = ParseKafkaUrl(
      "kafka://"
      "a:1?session.timeout.ms=6000&transaction.timeout.ms=3000&rebalance=cooperative&replication=3&prefix=a.&message_"
      "bytes_max=2000000&"
      "sasl.username=me%26you&debug=cgrp&fetch.wait.max.ms=");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->session_timeout, std::chrono::seconds(6));
  EXPECT_TRUE(url->session_timeout_asked);
  EXPECT_EQ(url->transaction_timeout, std::chrono::seconds(3));
  EXPECT_TRUE(url->cooperative);
  EXPECT_EQ(url->replication, 3);
  EXPECT_EQ(url->prefix, "a.");
  EXPECT_EQ(url->message_bytes_max, 2'000'000u);
  const std::vector<std::pair<std::string, std::string>> properties = {
      {"sasl.username", "me&you"}, {"debug", "cgrp"}, {"fetch.wait.max.ms", ""}};
  EXPECT_EQ(url->properties, properties);
}

TEST(KafkaUrl, WhatIsWrongIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"mem:", "does not begin with kafka://"},
      {"kafka://", "names no broker"},
      {"kafka://?a.b=c", "names no broker"},
      {"kafka://host", "\"host\" is no HOST:PORT"},
      {"kafka://host:0", "\"host:0\" is no HOST:PORT"},
      {"kafka://:9092", "\":9092\" is no HOST:PORT"},
      {"kafka://a:1,b", "\"b\" is no HOST:PORT"},
      {"kafka://a:1?retries_max=4", "no parameter \"retries_max\""},
      {"kafka://a:1?replication=many", "\"many\" is no value of replication"},
      {"kafka://a:1?session.timeout.ms=1", "\"1\" is no value of session.timeout.ms"},
      {"kafka://a:1?transaction.timeout.ms=10", "\"10\" is no value of transaction.timeout.ms"},
      {"kafka://a:1?transactional.id=mine", "\"transactional.id\" is not to be set"},
      {"kafka://a:1?rebalance=lazy", "\"lazy\" is no value of rebalance"},
      {"kafka://a:1?x", "not of the form name=value"},
      {"kafka://a:1?a.b=%2", "two hexadecimal digits"},
      {"kafka://a:1?acks=1", "\"acks\" is not to be set: a job is settled only when"},
      {"kafka://a:1?enable.auto.commit=true", "\"enable.auto.commit\" is not to be set"},
      {"kafka://a:1?message.timeout.ms=1000", "a publish does not expire"},
  };
  for (const auto& [url, words] : cases) {
    const auto parsed = ParseKafkaUrl(url);
    ASSERT_TRUE(absl::IsInvalidArgument(parsed.status())) << url;
    EXPECT_NE(std::string(parsed.status().message()).find(words), std::string::npos) << parsed.status();
  }
}

TEST(KafkaUrl, SecretsAreNotPrinted) {
  EXPECT_EQ(PrintableKafkaUrl("kafka://a:1?sasl.username=u&sasl.password=hidden&ssl.key.password=x&debug=msg"),
            "kafka://a:1?sasl.username=u&sasl.password=***&ssl.key.password=***&debug=msg");
  EXPECT_EQ(PrintableKafkaUrl("kafka://a:1?sasl.password=env:PASSWORD"), "kafka://a:1?sasl.password=env:PASSWORD");
  EXPECT_EQ(PrintableKafkaUrl("kafka://a:1"), "kafka://a:1");
}

}  // namespace
}  // namespace millrace::bus
