#include "tests/scenarios/rabbit_ground.h"

#include <set>

#include "bus/check.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/amqp_url.h"
#include "tests/scenarios/actors.h"
#include "tests/scenarios/model_grounds.h"

namespace millrace::scenarios {
namespace {

absl::Status NeedsOwn() {
  return absl::InvalidArgumentError("only a server of its own may be disturbed: begin with own-broker");
}

// What a scenario could have left on the server.
void CleanUp(const Scenario& scenario, conformance::RabbitHarness& harness) {
  std::vector<std::string> queues, exchanges;
  for (const Step& step : scenario.steps) {
    if (step.verb == "exchange") exchanges.push_back(harness.Name(step.words[2]));
    if (step.verb == "declare") queues.push_back(QueueNameOf(step.words[2], harness));
    if (step.verb != "topic") continue;
    const std::string topic = harness.Name(step.words[0]);
    exchanges.push_back(topic);
    queues.push_back(topic + "::keep");
    const auto groups = step.options.find("groups");
    for (size_t begin = 0; groups != step.options.end() && begin < groups->second.size();) {
      const size_t end = std::min(groups->second.find(',', begin), groups->second.size());
      const std::string group = harness.Name(groups->second.substr(begin, end - begin));
      exchanges.push_back("mr.presence." + group);
      queues.push_back(topic + ":" + group + ":any");
      for (int p = 0; p < 8; ++p) queues.push_back(topic + ":" + group + ":" + std::to_string(p));
      begin = end + 1;
    }
  }
  harness.Delete(queues, exchanges);
}

}  // namespace

RabbitGround::~RabbitGround() {
  if (frightened_) own_->Control("set_vm_memory_high_watermark 0.4").IgnoreError();
}

std::unique_ptr<conformance::Harness> RabbitGround::MakeHarness(const Scenario& scenario) {
  if (own_ != nullptr) {
    const auto timeout = scenario.steps.front().options.find("consumer-timeout");
    const auto time = ParseTime(timeout == scenario.steps.front().options.end() ? "1800s" : timeout->second);
    const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.value_or(Duration::zero())).count();
    // How often channels look for that, and dead letters for a queue, is a matter of minutes on a server.
    std::string settings;
    for (const auto& [name, value] : {std::pair("consumer_timeout", ms),
                                      {"channel_tick_interval", int64_t{1000}},
                                      {"dead_letter_worker_publisher_confirm_timeout", int64_t{1000}}}) {
      settings += std::string("application:set_env(rabbit, ") + name + ", " + std::to_string(value) + "), ";
    }
    const absl::Status set = own_->Control("eval '" + settings + "ok.'");
    MR_CHECK(set.ok()) << set.ToString();
  }
  auto harness = std::make_unique<conformance::RabbitHarness>(url_, kTiming, QueuePrefix(scenario), kQueueInstance);
  CleanUp(scenario, *harness);
  return harness;
}

std::string RabbitGround::InstanceSuffix() const { return ""; }  // the bus adds it

std::unique_ptr<bus::QueueLink> RabbitGround::OpenQueue(bus::Waker& waker) {
  const auto url = bus::ParseAmqpUrl(url_);
  MR_CHECK(url.ok()) << url.status().ToString();
  return std::make_unique<bus::AmqpLink>(url->connection, clock_, waker);
}

absl::Status RabbitGround::StopBroker(bool kill) { return own_ == nullptr ? NeedsOwn() : own_->Stop(kill); }
absl::Status RabbitGround::StartBroker() { return own_ == nullptr ? NeedsOwn() : own_->StartAgain(); }

absl::Status RabbitGround::Alarm(bool on) {
  if (own_ == nullptr) return NeedsOwn();
  frightened_ = on;
  return own_->Control(std::string("set_vm_memory_high_watermark ") + (on ? "0.0000001" : "0.4"));
}

}  // namespace millrace::scenarios
