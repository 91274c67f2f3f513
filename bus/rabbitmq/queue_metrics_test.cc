#include "bus/rabbitmq/queue_metrics.h"

#include <gtest/gtest.h>

namespace millrace::bus {
namespace {

TEST(QueueMetricsTest, Management) {
  const auto queues = ParseManagementQueues(
      R"([{"name":"raw:a:0","messages_ready":3,"messages_unacknowledged":2,"consumers":1,"message_stats":{"ack":40,"publish":45}},)"
      R"({"name":"raw:a:1"}])");
  ASSERT_TRUE(queues.ok()) << queues.status();
  EXPECT_EQ(queues->at("raw:a:0").ready, 3);
  EXPECT_EQ(queues->at("raw:a:0").unacked, 2);
  EXPECT_EQ(queues->at("raw:a:0").consumers, 1);
  EXPECT_EQ(queues->at("raw:a:0").acked, 40);
  EXPECT_EQ(queues->at("raw:a:1").ready, 0) << "a queue that is new has no numbers yet";
}

TEST(QueueMetricsTest, WhoConsumes) {
  const auto consumers = ParseManagementConsumers(
      R"([{"queue":{"name":"q","vhost":"/"},"channel_details":{"connection_name":"1 -> 2"}},{"queue":{"name":"q"},"channel_details":[]}])");
  ASSERT_TRUE(consumers.ok());
  EXPECT_EQ(consumers->at("q"), (std::vector<std::string>{"1 -> 2", ""}));
  const auto names =
      ParseManagementConnections(R"([{"name":"1 -> 2","user_provided_name":"millrace price-0"},{"name":"3 -> 4"}])");
  ASSERT_TRUE(names.ok());
  EXPECT_EQ(names->at("1 -> 2"), "millrace price-0");
}

TEST(QueueMetricsTest, WhatIsNoManagementIsSaid) {
  for (const char* text : {"", "<html>", "{}", "[1", "null"}) EXPECT_FALSE(ParseManagementQueues(text).ok()) << text;
  EXPECT_TRUE(ParseManagementQueues("[1, {}]").ok());
}

TEST(QueueMetricsTest, Prometheus) {
  const auto queues = ParsePrometheusQueues(
      "# TYPE rabbitmq_detailed_queue_messages_ready gauge\n"
      "rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"raw:a:0\"} 3\n"
      "rabbitmq_detailed_queue_messages_unacked{vhost=\"/\",queue=\"raw:a:0\"} 2\n"
      "rabbitmq_detailed_queue_messages{vhost=\"/\",queue=\"raw:a:0\"} 5\n"
      "rabbitmq_detailed_queue_consumers{vhost=\"/\",queue=\"raw:a:0\"} 1\n"
      "rabbitmq_detailed_queue_messages_ready{vhost=\"other\",queue=\"raw:a:0\"} 9\n"
      "rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"a\\\"b} 7\"} 4\n"
      "garbage\nrabbitmq_detailed_queue_messages_ready{\n",
      "/");
  EXPECT_EQ(queues.size(), 2u);
  EXPECT_EQ(queues.at("raw:a:0").ready, 3);
  EXPECT_EQ(queues.at("raw:a:0").unacked, 2);
  EXPECT_EQ(queues.at("raw:a:0").consumers, 1);
  EXPECT_EQ(queues.at("raw:a:0").acked, -1);
  EXPECT_EQ(queues.at("a\"b} 7").ready, 4);
}

TEST(QueueMetricsTest, WhoIsAliveAndHasNothingIsNamed) {
  const auto members = ParsePresence(R"([
    {"destination": "mr.presence.shop.price.price-0@host.one.41.1700000000000000001"},
    {"destination": "mr.presence.shop.price.price-1@host.one.41.1700000000000000002"},
    {"destination": "mr.presence.shop.price.price-0@host.two.7.1700000000000000003"},
    {"destination": "mr.presence.shop.price.(lag)@host.three.9.1700000000000000004"},
    {"destination": "mr.presence.shop.price."}, {"destination": "somebody's"}, {}])",
                                     "mr.presence.shop.price");
  ASSERT_TRUE(members.ok()) << members.status();
  EXPECT_EQ(*members, (std::set<std::string>{"price-0@host.one.41", "price-0@host.two.7", "price-1@host.one.41"}));
  EXPECT_EQ(IdleMembers(*members, {"millrace host.one.41 shop.price price-0@host.one.41", "another program"}),
            (std::vector<std::string>{"price-0@host.two.7", "price-1@host.one.41"}));
  EXPECT_TRUE(absl::IsDataLoss(ParsePresence("<html>", "x").status()));
}

}  // namespace
}  // namespace millrace::bus
