// A broker of a test's own, which it may stop, kill and frighten: by ops/kafka and ops/rabbitmq, in a folder of its own.
//
// Blocking: starting takes some seconds. Errors: Unavailable, in the script's words. Threading: one thread at a time.
#ifndef MILLRACE_TESTS_SCENARIOS_OWN_BROKER_H_
#define MILLRACE_TESTS_SCENARIOS_OWN_BROKER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::scenarios {

class OwnBroker {
 public:
  // `name` is kafka or rabbitmq.
  static absl::StatusOr<std::unique_ptr<OwnBroker>> Start(const std::string& name);
  // Kills it and deletes what it has written.
  ~OwnBroker();
  OwnBroker(const OwnBroker&) = delete;
  OwnBroker& operator=(const OwnBroker&) = delete;

  const std::string& url() const { return url_; }
  uint16_t port() const { return port_; }
  absl::Status Stop(bool kill);
  absl::Status StartAgain();
  // Of a RabbitMQ: rabbitmqctl with these words.
  absl::Status Control(const std::string& words);

 private:
  OwnBroker(std::string name, std::string folder, uint16_t port);
  const std::string name_;
  const std::string folder_;
  const uint16_t port_;
  std::string url_;
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_OWN_BROKER_H_
