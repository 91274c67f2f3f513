// The bus over TLS: certificates made here, the model behind a TLS server of OpenSSL's (tls_front.h).
#include <cstdlib>
#include <fstream>
#include <string>

#include "bus/admin.h"
#include "bus/rabbitmq/fake_http.h"
#include "bus/rabbitmq/rabbit_bus_fixture.h"
#include "bus/rabbitmq/tls_front.h"
#include "bus/rabbitmq/tls_session.h"
#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

const Certificates& Made() {
  static Certificates& made = *[] {
    auto* const all = new Certificates(::testing::TempDir() + "/certificates");
    all->Make("server", "DNS:localhost,IP:127.0.0.1");
    all->Make("other", "DNS:rabbit.example");
    all->Make("client", "DNS:client");
    all->Make("over", "DNS:client", -1);
    return all;
  }();
  return made;
}

class RabbitTlsTest : public RabbitBusTest {
 protected:
  void Listen(const std::string& certificate = "server.pem", const std::string& clients = "",
              FakeServerOptions options = {}) {
    server = std::make_unique<FakeServer>(clock, options);
    front = std::make_unique<TlsFront>(TlsFrontOptions{.certificate = Made().Path(certificate), .clients = clients},
                                       server->port());
  }
  std::string Url(const std::string& parameters = "", const std::string& host = "127.0.0.1") const {
    return "amqps://guest:guest@" + host + ":" + std::to_string(front->port()) + "/?cacertfile=" + Made().authority() +
           parameters;
  }
  std::string Client() const {
    const std::string certificate = Made().Path("client.pem");
    return "&certfile=" + certificate + "&keyfile=" + Certificates::KeyOf(certificate);
  }
  absl::Status Opened(const std::string& url) { return OpenRabbitBus(url, clock).status(); }
  void Says(const absl::Status& status, const std::string& words) {
    EXPECT_NE(std::string(status.message()).find(words), std::string::npos) << status << "\nwithout: " << words;
  }
  std::unique_ptr<TlsFront> front;  // ends before the server: declared behind it
};

TEST_F(RabbitTlsTest, WhatIsPublishedComesOnceAndInOrder) {
  Listen();
  OpenUrl(Url());
  Apply(2);
  OpenProducer();
  Join();
  Publish(Numbers(1, 2000));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 2000 && answers.confirmed == 2000; }));
  EXPECT_EQ(eater.bodies, Numbers(1, 2000));
  EXPECT_TRUE(producer->Close(answers, clock.Now() + std::chrono::seconds(10)).ok());
  EXPECT_TRUE(consumer->Close(clock.Now() + std::chrono::seconds(10)).ok());
  server->Broker([](QueueBroker& broker, MonotonicTime) { EXPECT_EQ(broker.Stats("t:g:0").acked, 2000u); });
}

TEST_F(RabbitTlsTest, BodiesOfManyRecordsArrive) {
  Listen();
  OpenUrl(Url());
  Apply(1);
  OpenProducer();
  Join();
  std::vector<std::string> bodies;
  for (const size_t size : {size_t{0}, size_t{16383}, size_t{16384}, size_t{16385}, size_t{900'000}}) {
    bodies.emplace_back(size, static_cast<char>('a' + bodies.size()));
  }
  Publish(bodies);
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == bodies.size(); }));
  EXPECT_EQ(eater.bodies, bodies);
}

TEST_F(RabbitTlsTest, ACutConnectionIsMadeAgain) {
  Listen();
  OpenUrl(Url());
  Apply(1);
  OpenProducer();
  Join();
  Publish(Numbers(1, 100));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 100 && answers.confirmed == 100; }));
  server->CutAll();
  Publish(Numbers(101, 150));
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 150; }));
  Publish(Numbers(151, 200));
  ASSERT_TRUE(RunUntil([&] { return answers.answered.size() == 200 && eater.bodies.back() == "200"; }));
}

TEST_F(RabbitTlsTest, LagIsCountedOverTls) {
  Listen();
  OpenUrl(Url());
  Apply(1);
  OpenProducer();
  eater.settle = false;
  Join();
  Publish(Numbers(1, 9));
  ASSERT_TRUE(RunUntil([&] { return eater.bodies.size() == 9; }));
  const auto lag = LagOf(*bus);
  ASSERT_TRUE(lag.ok()) << lag.status();
  EXPECT_EQ(lag->at(0).lag, 9);
}

// ---------------------------------------------------------------- what is refused

TEST_F(RabbitTlsTest, ACertificateOfNobodyTrustedIsRefused) {
  Listen();
  const std::string url = "amqps://guest:guest@127.0.0.1:" + std::to_string(front->port()) + "/";
  const absl::Status status = Opened(url);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  Says(status, "the server's certificate is not trusted: ");
  Says(status, "cacertfile=PATH");
  EXPECT_TRUE(server->Names().empty()) << "nothing was said to it, least of all a password";
  EXPECT_TRUE(Opened(url + "?verify=verify_none").ok()) << "asked for in so many words";
}

TEST_F(RabbitTlsTest, ACertificateOfAnotherNameIsRefused) {
  Listen("other.pem");
  const absl::Status status = Opened(Url());
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  Says(status, "the server's certificate is not for 127.0.0.1 but for rabbit.example");
  Says(status, "server_name_indication=NAME");
  Says(Opened(Url("", "localhost")), "not for localhost but for rabbit.example");
  EXPECT_TRUE(server->Names().empty());
  EXPECT_TRUE(Opened(Url("&server_name_indication=rabbit.example")).ok());
  EXPECT_TRUE(Opened(Url("&verify=verify_none")).ok());
}

// OpenSSL takes a name that is empty, or ends at once, for leave to take every certificate.
TEST_F(RabbitTlsTest, ANameThatNoCertificateCanHaveIsRefused) {
  Listen("other.pem");
  for (const char* name : {"%00", "%00rabbit.example", "rabbit.example%00", "rabbit.example%0A"}) {
    const absl::Status status = Opened(Url("&server_name_indication=" + std::string(name)));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << ": " << status;
    Says(status, "there is a control character in server_name_indication");
  }
  EXPECT_TRUE(server->Names().empty());
  AmqpTls settings{.on = true, .cacertfile = Made().authority()};
  for (const std::string& name : {std::string(1, '\0'), std::string("rabbit.example\0.other", 21)}) {
    settings.server_name = name;
    EXPECT_TRUE(absl::IsInvalidArgument(TlsSession::Open(settings, "localhost").status()));
    settings.server_name.clear();
    EXPECT_TRUE(absl::IsInvalidArgument(TlsSession::Open(settings, name).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(TlsSession::Open(settings, "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(TlsSession::Open(settings, std::string(256, 'a')).status()));
  EXPECT_TRUE(TlsSession::Open(settings, "rabbit.example").ok());
}

// The plugins' certificates are those of their server, and have its name.
TEST_F(RabbitTlsTest, TheServersNameIsThatOfItsPluginsToo) {
  Listen("other.pem");
  FakeHttp http;
  http.Answer("/api/", 200, "[]");
  const TlsFront plugins(TlsFrontOptions{.certificate = Made().Path("other.pem")}, http.port());
  const auto advice = [&](const std::string& host) {
    OpenUrl(Url("&server_name_indication=rabbit.example&management=https%3A%2F%2F" + host + "%3A" +
                std::to_string(plugins.port())));
    Apply(1);
    const auto items =
        bus->admin()->Compare({.topics = {{.name = "t", .partitions = 1, .groups = {"g"}}}}, Admin::Look::kTopology);
    EXPECT_TRUE(items.ok()) << items.status();
    return items.ok() ? items->at(3).advice : "";
  };
  EXPECT_EQ(advice("127.0.0.1").find("not looked at"), std::string::npos) << advice("127.0.0.1");
  ASSERT_FALSE(http.Requests().empty());
  EXPECT_NE(http.Requests()[0].find("Host: rabbit.example:"), std::string::npos) << http.Requests()[0];
  // It says nothing of a host that is none of the server's.
  EXPECT_NE(advice("localhost").find("policies and bindings were not looked at"), std::string::npos);
}

TEST_F(RabbitTlsTest, AServerMayAskForACertificateAndTakeItForTheLogin) {
  Listen("server.pem", Made().authority(), {.mechanisms = "EXTERNAL PLAIN"});
  const absl::Status status = Opened(Url());
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  Says(status, "the server wants a client's certificate: give certfile=PATH and keyfile=PATH");
  OpenUrl(Url(Client()));
  EXPECT_TRUE(Opened(Url(Client() + "&auth_mechanism=external&password=none")).ok()) << "no password is asked for";
  Listen("server.pem", Made().authority(), {.mechanisms = "PLAIN"});
  Says(Opened(Url(Client() + "&auth_mechanism=external")), "no login by certificate (EXTERNAL); it offers PLAIN");
}

TEST_F(RabbitTlsTest, WhyTheServerRefusesOurCertificateIsSaid) {
  const std::string other = Certificates(::testing::TempDir() + "/others").Make("other", "DNS:client");
  const std::string over = Made().Path("over.pem");
  Listen("server.pem", Made().authority());
  for (const auto& [certificate, why] :
       {std::pair<std::string, const char*>{other, "no authority that it trusts has signed it"},
        {over, "its time is over, or has not come"}}) {
    const absl::Status status =
        Opened(Url("&certfile=" + certificate + "&keyfile=" + Certificates::KeyOf(certificate) + "&password=s3cret"));
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    Says(status,
         "the server refuses our certificate, certfile=" + certificate + " (signed by \"Test authority\", good until ");
    Says(status, why);
    EXPECT_EQ(std::string(status.message()).find("s3cret"), std::string::npos) << status;
  }
  EXPECT_TRUE(server->Names().empty()) << "nothing was said to it";
}

TEST_F(RabbitTlsTest, APortForTlsIsNoPlainOneAndTheOtherWayRound) {
  Listen();
  const std::string plain = "127.0.0.1:" + std::to_string(server->port());
  Says(Opened("amqps://guest:s3cret@" + plain + "/"), "does not speak TLS; it says \"AMQP....\"");
  const absl::Status wrong = Opened("amqp://guest:s3cret@127.0.0.1:" + std::to_string(front->port()) + "/");
  EXPECT_TRUE(absl::IsUnavailable(wrong)) << wrong;
  Says(wrong, "amqps://");
  EXPECT_EQ(std::string(wrong.message()).find("s3cret"), std::string::npos) << wrong;
}

TEST_F(RabbitTlsTest, FilesThatCannotBeUsedAreTheUrlsFault) {
  Listen();
  const std::string at = "amqps://127.0.0.1:" + std::to_string(front->port()) + "/?";
  const std::string none = Made().Path("none.pem"), garbage = Made().Path("garbage.pem");
  std::ofstream(garbage) << "no certificate\n";
  for (const auto& [parameters, name] :
       {std::pair{"cacertfile=" + none, "cacertfile=" + none},
        {"cacertfile=" + garbage, "cacertfile=" + garbage},
        {"certfile=" + none, "certfile=" + none},
        {"certfile=" + Made().Path("client.pem"), "keyfile=" + Made().Path("client.pem")},
        {"certfile=" + Made().Path("client.pem") + "&keyfile=" + garbage, "keyfile=" + garbage}}) {
    const absl::Status status = Opened(at + parameters);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    Says(status, name + " cannot be used: ");
  }
  const std::string client = "certfile=" + Made().Path("client.pem"), other = Made().Path("other.key");
  Says(Opened(at + client + "&keyfile=" + none), "keyfile=" + none + " cannot be used: No such file or directory");
  Says(Opened(at + client + "&keyfile=" + other), "keyfile=" + other + " cannot be used: ");
  Says(Opened(at + client + "&keyfile=" + other), "it is not the key of " + client);
}

TEST_F(RabbitTlsTest, AnEncryptedKeyWantsItsPassword) {
  Listen("server.pem", Made().authority());
  const std::string key = Made().Path("encrypted.key");
  ASSERT_EQ(std::system(("openssl pkcs8 -topk8 -in " + Certificates::KeyOf(Made().Path("client.pem")) + " -out " + key +
                         " -passout pass:s3cret >/dev/null 2>&1")
                            .c_str()),
            0);
  const std::string with = "&certfile=" + Made().Path("client.pem") + "&keyfile=" + key + "&keyfile_password=";
  OpenUrl(Url(with + "s3cret"));
  std::ofstream(Made().Path("password")) << "s3cret\n";
  OpenUrl(Url(with + "file:" + Made().Path("password")));
  const absl::Status wrong = Opened(Url(with + "s3crit"));
  EXPECT_TRUE(absl::IsInvalidArgument(wrong)) << wrong;
  Says(wrong, "keyfile=" + key + " cannot be used: ");
  Says(wrong, "keyfile_password=env:NAME");
  EXPECT_EQ(std::string(wrong.message()).find("s3crit"), std::string::npos) << wrong;
  EXPECT_EQ(PrintableRabbitBus(Url(with + "s3cret")).find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace millrace::bus
