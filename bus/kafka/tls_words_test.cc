#include "bus/kafka/tls_words.h"

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

bool Has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

TEST(TlsWordsTest, AFileThatCannotBeReadIsNamedWithItsProperty) {
  const std::string here = ::testing::TempDir() + "/ca.pem";
  std::ofstream(here) << "here\n";
  EXPECT_TRUE(CheckTlsFiles({}).ok());
  EXPECT_TRUE(CheckTlsFiles({{"ssl.ca.location", here}, {"ssl.key.location", here}, {"client.id", "/nowhere"}}).ok());
  EXPECT_TRUE(CheckTlsFiles({{"ssl.ca.location", "probe"}}).ok());
  for (const char* name : {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}) {
    const absl::Status status = CheckTlsFiles({{"ssl.key.password", "s3cret"}, {name, "/nowhere/a.pem"}});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(status.message(), "the Kafka URL: " + std::string(name) +
                                    "=/nowhere/a.pem cannot be used: No such file or directory; it wants a file that "
                                    "this user can read");
  }
}

TEST(TlsWordsTest, FilesThatAreNotTaken) {
  const auto advice = [](const char* why) { return AdviceOnTlsFiles(why, "/c.pem"); };
  EXPECT_TRUE(Has(advice("ssl.key.location failed: error:05800074:x509 certificate routines::key values mismatch"),
                  "it is not the key of ssl.certificate.location=/c.pem"));
  EXPECT_TRUE(
      Has(advice("ssl.key.location failed: error:0A080009:SSL routines::PEM lib"), "ssl.key.password=env:NAME"));
  EXPECT_EQ(advice("ssl.ca.location failed: error:05880020:x509 certificate routines::BIO lib"),
            "; it wants a file in PEM");
  EXPECT_EQ(advice("`session.timeout.ms` is too small"), "");
}

TEST(TlsWordsTest, HandshakesThatEnd) {
  const KafkaProperties none, ours = {{"ssl.certificate.location", "/c.pem"}, {"ssl.key.location", "/c.key"}};
  for (const char* alert :
       {"Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42",
        "tlsv13 alert certificate required", "sslv3 alert certificate unknown", "tlsv1 alert unknown ca",
        "sslv3 alert certificate expired"}) {
    EXPECT_TRUE(Has(AdviceOnHandshake(alert, none), "ssl.certificate.location=PATH and ssl.key.location=PATH"))
        << alert;
    EXPECT_TRUE(Has(AdviceOnHandshake(alert, ours),
                    "the broker refuses our certificate, ssl.certificate.location=/c.pem: look who has signed it"))
        << alert;
  }
  // A certificate without its key is not shown to anybody.
  EXPECT_TRUE(
      Has(AdviceOnHandshake("alert bad certificate", {{"ssl.certificate.location", "/c.pem"}}), "wants a client's"));
  EXPECT_TRUE(Has(AdviceOnHandshake("SSL routines::certificate verify failed: broker certificate …", none),
                  "ssl.ca.location=PATH"));
  EXPECT_EQ(AdviceOnHandshake("Disconnected while requesting ApiVersion (connecting to a SSL listener?)", ours), "");
  EXPECT_EQ(AdviceOnHandshake("Connection refused", ours), "");
}

}  // namespace
}  // namespace millrace::bus
