#include "bus/rabbitmq/http_get.h"

#include <string>

#include "bus/rabbitmq/fake_http.h"
#include "bus/rabbitmq/tls_front.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

std::string At(const char* scheme, uint16_t port) { return scheme + ("://127.0.0.1:" + std::to_string(port)); }

TEST(HttpGetTest, WhatIsThereIsReadWithTheLogin) {
  FakeHttp http;
  http.Answer("/api/queues", 200, "[1]");
  const auto got = HttpGet(At("http", http.port()) + "/api/queues/%2F", {.user = "mon", .password = "s3cret"});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, "[1]");
  ASSERT_EQ(http.Requests().size(), 1u);
  EXPECT_NE(http.Requests()[0].find("GET /api/queues/%2F "), std::string::npos) << http.Requests()[0];
  EXPECT_NE(http.Requests()[0].find("Authorization: Basic bW9uOnMzY3JldA=="), std::string::npos) << http.Requests()[0];
}

TEST(HttpGetTest, WhatIsRefusedIsSaidWithItsStatusAndWithoutTheLogin) {
  FakeHttp http;
  const auto refused = [&](int status) {
    http.Answer("/", status, "no");
    const absl::Status said =
        HttpGet(At("http", http.port()) + "/api?columns=name", {.user = "mon", .password = "s3cret"}).status();
    EXPECT_EQ(said.message(), At("http", http.port()) + "/api: HTTP status " + std::to_string(status));
    return said.code();
  };
  EXPECT_EQ(refused(401), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(refused(403), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(refused(404), absl::StatusCode::kNotFound);
  EXPECT_EQ(refused(500), absl::StatusCode::kUnavailable);
  const absl::Status nobody =
      HttpGet("http://127.0.0.1:1/api?columns=name", {.user = "mon", .password = "s3cret"}).status();
  EXPECT_TRUE(absl::IsUnavailable(nobody)) << nobody;
  EXPECT_EQ(nobody.message().substr(0, 24), "http://127.0.0.1:1/api: ") << nobody;
  EXPECT_EQ(nobody.message().find("s3cret"), std::string_view::npos) << nobody;
}

// As on the connection to the server itself.
TEST(HttpGetTest, OverTlsTheCertificateMustHaveTheNameThatIsAskedFor) {
  Certificates made(::testing::TempDir() + "/http");
  FakeHttp http;
  http.Answer("/", 200, "well");
  const TlsFront front(TlsFrontOptions{.certificate = made.Make("other", "DNS:rabbit.example")}, http.port());
  AmqpTls tls{.on = true, .cacertfile = made.authority()};
  const std::string url = At("https", front.port()) + "/x";
  EXPECT_TRUE(absl::IsUnavailable(HttpGet(url, {.tls = tls}).status())) << "it is not for 127.0.0.1";
  tls.server_name = "other.example";
  const absl::Status other = HttpGet(url, {.tls = tls}).status();
  EXPECT_TRUE(absl::IsUnavailable(other)) << other;
  EXPECT_EQ(other.message().substr(0, url.size() + 2), url + ": ") << other;
  EXPECT_TRUE(http.Requests().empty()) << "nothing was said to it";
  tls.server_name = "rabbit.example";
  const auto got = HttpGet(url, {.tls = tls});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, "well");
  // Without TLS there is no certificate, and no name but the URL's.
  EXPECT_TRUE(HttpGet(At("http", http.port()) + "/x", {.tls = tls}).ok());
  ASSERT_EQ(http.Requests().size(), 2u);
  EXPECT_NE(http.Requests()[0].find("Host: rabbit.example:"), std::string::npos) << http.Requests()[0];
  EXPECT_NE(http.Requests()[1].find("Host: 127.0.0.1:"), std::string::npos) << http.Requests()[1];
}

}  // namespace
}  // namespace millrace::bus
