#include "bus/kafka/tls_words.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace millrace::bus {
namespace {

constexpr std::string_view kCertificate = "ssl.certificate.location";
constexpr std::string_view kFiles[] = {"ssl.ca.location", kCertificate, "ssl.key.location", "ssl.keystore.location",
                                       "ssl.crl.location"};

bool Says(std::string_view why, std::string_view what) { return why.find(what) != std::string_view::npos; }

std::string Of(const KafkaProperties& properties, std::string_view name) {
  std::string value;
  for (const auto& [key, given] : properties) {
    if (key == name) value = given;
  }
  return value;
}

}  // namespace

absl::Status CheckTlsFiles(const KafkaProperties& properties) {
  for (const std::string_view name : kFiles) {
    const std::string path = Of(properties, name);
    // librdkafka's word for where systems have their authorities.
    if (path.empty() || path == "probe" || access(path.c_str(), R_OK) == 0) continue;
    return absl::InvalidArgumentError("the Kafka URL: " + std::string(name) + "=" + path +
                                      " cannot be used: " + std::generic_category().message(errno) +
                                      "; it wants a file that this user can read");
  }
  return absl::OkStatus();
}

std::string AdviceOnTlsFiles(std::string_view why, std::string_view certificate) {
  if (Says(why, "key values mismatch") || Says(why, "key type mismatch"))
    return "; it is not the key of " + std::string(kCertificate) + "=" + std::string(certificate) +
           ": give the two that were made together";
  if (Says(why, "ssl.key.location"))
    return "; it wants a key in PEM, with ssl.key.password=env:NAME (or file:PATH) where it is encrypted: the right "
           "one";
  if (Says(why, "ssl.certificate.location") || Says(why, "ssl.ca.location")) return "; it wants a file in PEM";
  return "";
}

std::string AdviceOnHandshake(std::string_view why, const KafkaProperties& properties) {
  if (Says(why, "certificate verify failed"))
    return "say with ssl.ca.location=PATH which authority has signed the broker's certificate, and connect by a name "
           "that it has";
  // Brokers differ in their alerts: Java's TLS says "bad certificate" where there is none, and "certificate unknown" of whatever
  // it does not take.
  const bool refused = Says(why, "alert unknown ca") || Says(why, "alert access denied") ||
                       (Says(why, "alert") && Says(why, "certificate"));
  if (!refused) return "";
  const std::string signed_by = "signed by an authority that it trusts";
  const std::string ours = Of(properties, kCertificate);
  if (ours.empty() || Of(properties, "ssl.key.location").empty())
    return "the broker wants a client's certificate that it trusts: give ssl.certificate.location=PATH and "
           "ssl.key.location=PATH, " +
           signed_by;
  return "the broker refuses our certificate, ssl.certificate.location=" + ours +
         ": look who has signed it, and until when it is good " + "(openssl x509 -noout -issuer -enddate -in " + ours +
         "); it wants one " + signed_by;
}

}  // namespace millrace::bus
