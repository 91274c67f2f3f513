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
      "&name=n%20m&instance=i&prefix=p.&trap=off&connect_timeout=3&apply_timeout=4");
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
  EXPECT_FALSE(url->trap);
}

TEST(AmqpUrlTest, WhatIsWrongIsNamedAndThePasswordIsNot) {
  for (const char* text : {"amqp://u:s3cret@h:port/",
                           "amqp://u:s3cret@h/v?prefetch=0",
                           "amqp://u:s3cret@h/v?prefetch=70000",
                           "amqp://u:s3cret@h/v?color=red",
                           "amqp://u:s3cret@h/v?trap=maybe",
                           "amqp://u:s3cret@h/a/b",
                           "amqp://u:s3cret@h/?cacertfile=x",
                           "amqps://u:s3cret@h/?keyfile=x",
                           "amqps://u:s3cret@h/?verify=no",
                           "amqps://u:s3cret@h/?auth_mechanism=external",
                           "amqp://u:s3cret@h/?auth_mechanism=guess",
                           "amqps://h/?keyfile_password=s3cret&color=red",
                           "amqps://h/?keyfile_password=s3cret%zz",
                           "amqp://u:s3cret%zz@h/",
                           "amqp://u:s3cret@[::1/",
                           "amqp://u:s3cret@h/%4",
                           "http://u:s3cret@h/",
                           "amqp://u:s3/cret@h:1/",
                           "amqp://u:s3?cret@h:1/",
                           "amqp://u:s3:cret@h:1:2/"}) {
    const auto url = ParseAmqpUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(url.status().message());
    EXPECT_EQ(message.find("cret"), std::string::npos) << message;
    EXPECT_EQ(message.find("s3"), std::string::npos) << message;
    EXPECT_NE(message.find("known: amqp://"), std::string::npos) << message;
  }
}

TEST(AmqpUrlTest, TlsHasItsPortAndItsFiles) {
  const auto url = ParseAmqpUrl(
      "amqps://h,h2:7/?cacertfile=/ca.pem&certfile=/me.pem&keyfile=/"
      "key%20.pem&keyfile_password=env:P&verify=verify_none"
      "&server_name_indication=rabbit.example&auth_mechanism=external");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->connection.hosts, (std::vector<AmqpHost>{{"h", 5671}, {"h2", 7}}));
  const AmqpTls& tls = url->connection.tls;
  EXPECT_TRUE(tls.on);
  EXPECT_FALSE(tls.verify_peer);
  EXPECT_TRUE(url->connection.external_login);
  EXPECT_EQ(tls.cacertfile + tls.certfile + tls.keyfile, "/ca.pem/me.pem/key .pem");
  EXPECT_EQ(tls.keyfile_password, "env:P");
  EXPECT_EQ(tls.server_name, "rabbit.example");
  EXPECT_TRUE(ParseAmqpUrl("amqps://")->connection.tls.verify_peer) << "unless told otherwise";
  EXPECT_FALSE(ParseAmqpUrl("amqp://")->connection.tls.on);
}

TEST(AmqpUrlTest, PasswordsAreHidden) {
  EXPECT_EQ(WithoutPassword("amqps://h/?keyfile_password=p&x=y"), "amqps://h/?keyfile_password=***&x=y");
  EXPECT_EQ(WithoutPassword("amqps://h/?keyfile_password=file:/p"), "amqps://h/?keyfile_password=file:/p");
  EXPECT_EQ(WithoutPassword("amqp://u:p@h:1/v?x=y"), "amqp://u:***@h:1/v?x=y");
  EXPECT_EQ(WithoutPassword("amqp://u@h/"), "amqp://u@h/");
  EXPECT_EQ(WithoutPassword("amqp://h:1/"), "amqp://h:1/");
  EXPECT_EQ(WithoutPassword("mem:?semantics=queue"), "mem:?semantics=queue");
  EXPECT_EQ(WithoutPassword("amqp://u:a@b/c@h/"), "amqp://u:***@h/");
}

}  // namespace
}  // namespace millrace::bus
