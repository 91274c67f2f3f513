#include "bus/rabbitmq/amqp_url.h"

#include <string>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

TEST(AmqpUrlTest, DefaultsAreTheServersOwn) {
  const auto url = ParseAmqpUrl("amqp://");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->connection.hosts, (std::vector<AmqpHost>{{"localhost", 5672}}));
  EXPECT_EQ(url->connection.user, "guest");
  EXPECT_EQ(url->connection.vhost, "/");
  EXPECT_EQ(url->connection.heartbeat, std::chrono::seconds(5));
  EXPECT_EQ(ParseAmqpUrl("amqp://host/")->connection.vhost, "/");
}

TEST(AmqpUrlTest, EverythingIsTakenApart) {
  const auto url = ParseAmqpUrl(
      "amqp://a%40b:p%2F%3Aw@one:1,[::1]:2,three/my%2Fhost?heartbeat=7&prefetch=9&window=10&message_bytes_max=11"
      "&name=n%20m&instance=i&prefix=p.&connect_timeout=3&apply_timeout=4");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->connection.user, "a@b");
  EXPECT_EQ(url->connection.password, "p/:w");
  EXPECT_EQ(url->connection.hosts, (std::vector<AmqpHost>{{"one", 1}, {"::1", 2}, {"three", 5672}}));
  EXPECT_EQ(url->connection.vhost, "my/host");
  EXPECT_EQ(url->connection.heartbeat, std::chrono::seconds(7));
  EXPECT_EQ(url->connection.connect_timeout, std::chrono::seconds(3));
  EXPECT_EQ(url->apply_timeout, std::chrono::seconds(4));
  EXPECT_EQ(url->prefetch, 9u);
  EXPECT_EQ(url->window, 10u);
  EXPECT_EQ(url->message_bytes_max, 11u);
  EXPECT_EQ(url->connection.connection_name, "n m");
  EXPECT_EQ(url->instance, "i");
  EXPECT_EQ(url->prefix, "p.");
}

TEST(AmqpUrlTest, WhatIsWrongIsNamedAndThePasswordIsNot) {
  for (const char* text :
       {"amqp://u:s3cret@h:port/", "amqp://u:s3cret@h/v?prefetch=0", "amqp://u:s3cret@h/v?prefetch=70000",
        "amqp://u:s3cret@h/v?color=red", "amqp://u:s3cret@h/a/b", "amqps://u:s3cret@h/", "amqp://u:s3cret%zz@h/",
        "amqp://u:s3cret@[::1/", "amqp://u:s3cret@h/%4", "http://u:s3cret@h/", "amqp://u:s3/cret@h:1/",
        "amqp://u:s3?cret@h:1/", "amqp://u:s3:cret@h:1:2/"}) {
    const auto url = ParseAmqpUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(url.status().message());
    EXPECT_EQ(message.find("cret"), std::string::npos) << message;
    EXPECT_EQ(message.find("s3"), std::string::npos) << message;
    EXPECT_NE(message.find("known: amqp://"), std::string::npos) << message;
  }
}

TEST(AmqpUrlTest, PasswordsAreHidden) {
  EXPECT_EQ(WithoutPassword("amqp://u:p@h:1/v?x=y"), "amqp://u:***@h:1/v?x=y");
  EXPECT_EQ(WithoutPassword("amqp://u@h/"), "amqp://u@h/");
  EXPECT_EQ(WithoutPassword("amqp://h:1/"), "amqp://h:1/");
  EXPECT_EQ(WithoutPassword("mem:?semantics=queue"), "mem:?semantics=queue");
  EXPECT_EQ(WithoutPassword("amqp://u:a@b/c@h/"), "amqp://u:***@h/");
}

}  // namespace
}  // namespace millrace::bus
