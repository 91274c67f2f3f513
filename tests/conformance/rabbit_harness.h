// A real RabbitMQ, reached through a proxy that can break connections: several tests share one server. Its URL comes in
// MILLRACE_RABBITMQ_URL; `ops/rabbitmq start` prints it.
#ifndef MILLRACE_TESTS_CONFORMANCE_RABBIT_HARNESS_H_
#define MILLRACE_TESTS_CONFORMANCE_RABBIT_HARNESS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ops/system_clock.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/tcp_proxy.h"

namespace millrace::conformance {

class RabbitHarness final : public Harness {
 public:
  // Ends the process where no server is.
  RabbitHarness();
  // The server at a URL, with other times, and names that begin with `prefix`; `instance` tells members from those of other
  // processes.
  RabbitHarness(const std::string& url, const Timing& timing, const std::string& prefix, const std::string& instance);
  // Deletes what its names have left on the server.
  ~RabbitHarness() override;

  bus::Bus& bus() override { return *bus_; }
  std::string Name(const std::string& name) override;
  const Timing& timing() const override { return timing_; }
  bool Has(Ability ability) const override;
  MonotonicTime Now() override { return clock_.Now(); }
  void WaitUntil(MonotonicTime until, Signal& signal) override;

  void ExpireSession(const std::string& instance) override;
  void StopBroker() override { proxy_->Break(); }
  void StartBroker() override { proxy_->Restore(); }
  void Destroy(const std::string& topic, int32_t partition) override;
  void BlockPublishing(bool on) override;
  // As an operator does, by their names on the server. What is not there is none.
  void Delete(const std::vector<std::string>& queues, const std::vector<std::string>& exchanges);

 private:
  const Timing timing_;
  const ops::SystemClock clock_;
  std::string prefix_;
  uint16_t server_port_ = 0;
  std::set<std::string> names_;
  std::unique_ptr<TcpProxy> proxy_;
  std::unique_ptr<bus::Bus> bus_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_RABBIT_HARNESS_H_
