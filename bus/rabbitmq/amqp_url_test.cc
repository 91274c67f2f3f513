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
                           "amqp://u:s3:cret@h:1:2/",
                           "amqp://h/?management=ftp://mon:s3cret@h2",
                           "amqp://h/?management=mon:s3cret@h2",
                           "amqp://h/?prometheus=http%3A%2F%2Fmon%3As3cret%40",
                           "amqp://h/?management=http%253A%252F%252Fmon%253As3cret%2540h2",
                           "amqp://h/?management=http://mon:s3%zzcret@h2",
                           "amqp://h/?management=http://mon:s3%252cret%25zz@h2",
                           "amqp://h/?management=http://mon:s3/cret@h2",
                           "amqp://h/?management=http://mon:s3?cret@h2",
                           "amqp://h/?management=http://mon:s3#cret@h2",
                           "amqp://h/?management=http://mon:s3%00cret@h2",
                           "amqp://h/?management=http://mon:s3&cret@h2",
                           "amqp://h/?password=s3&cret",
                           "amqp://u:s3cret@h/?management=http://mon:s3cret@h2&color=red",
                           "amqp://h/?management=http%3A%2F%2Fmon%3As3cret%40h2&color=red"}) {
    const auto url = ParseAmqpUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(url.status().message());
    EXPECT_EQ(message.find("cret"), std::string::npos) << message;
    EXPECT_EQ(message.find("s3"), std::string::npos) << message;
    EXPECT_NE(message.find("known: amqp://"), std::string::npos) << message;
  }
}

TEST(AmqpUrlTest, ControlCharactersAreInNoName) {
  for (const std::string& text :
       {std::string("amqps://h/?server_name_indication=%00"), std::string("amqps://h/?server_name_indication=a%00b"),
        std::string("amqps://h/?server_name_indication=a%0D%0Ab"), std::string("amqps://h/?cacertfile=/a%00b"),
        std::string("amqp://h/?name=%7F"), std::string("amqp://h\0.example/", 17), std::string("amqp://[::1\n]/"),
        std::string("amqps://[]/"), std::string("amqp://h/?management=http://h%00.example")}) {
    const auto url = ParseAmqpUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ParseAmqpUrl("amqp://h/?password=a%01b")->connection.password,
            "a\x01"
            "b")
      << "nobody reads it as a name";
}

TEST(AmqpUrlTest, LoginsOfPluginsAreTakenOutOfTheirUrls) {
  const auto url = ParseAmqpUrl(
      "amqp://h/?management=http%3A%2F%2Fm%2540n%3As3%252Fcret%40h2%3A15672%2Fpath%2F&prometheus=https://[::1]:1/");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->management.base, "http://h2:15672/path");
  EXPECT_EQ(url->management.host, "h2");
  EXPECT_TRUE(url->management.own_login);
  EXPECT_EQ(url->management.user, "m@n");
  EXPECT_EQ(url->management.password, "s3/cret");
  EXPECT_EQ(url->prometheus.base, "https://[::1]:1");
  EXPECT_EQ(url->prometheus.host, "::1");
  EXPECT_FALSE(url->prometheus.own_login);
  EXPECT_EQ(url->connection.user, "guest");
  const auto none = ParseAmqpUrl("amqp://h/?prometheus=http://h");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->management.base, "");
  EXPECT_EQ(none->prometheus.base, "http://h");
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
  EXPECT_EQ(WithoutPassword("amqp://u:p@h/?management=http%3A%2F%2Fmon%3As3cret%40h2%3A1&x=y"),
            "amqp://u:***@h/?management=http://mon:***%40h2:1&x=y");
  EXPECT_EQ(WithoutPassword("amqp://u:p@h/?prometheus=http://mon:s3@cret@h2"),
            "amqp://u:***@h/?prometheus=http://mon:***%40h2");
  EXPECT_EQ(WithoutPassword("amqp://h/?management=http://mon@h2"), "amqp://h/?management=http://mon%40h2");
  EXPECT_EQ(WithoutPassword("amqp://h/?management=http%3A%2F%2Fh2%3A1"), "amqp://h/?management=http%3A%2F%2Fh2%3A1");
  EXPECT_EQ(WithoutPassword("amqp://h/?management=http%253A%252F%252Fmon%253As3cret%2540h2"),
            "amqp://h/?management=***");
  EXPECT_EQ(WithoutPassword("amqp://h/?management=http://mon:s3%zz"), "amqp://h/?management=***");
  EXPECT_EQ(WithoutPassword("amqp://h:1/?password=s3&cret&x=y"), "amqp://h:1/?password=***&***&x=y");
}

}  // namespace
}  // namespace millrace::bus
