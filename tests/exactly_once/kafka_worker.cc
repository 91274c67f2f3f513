// One instance of a stage on a real Kafka, exactly once, as a process that can be killed: kafka_worker URL NAME MICROS.
//
// Copies "in" to "out", MICROS each; "poison" goes to "dead". Says on its output what the bus tells of its state. Ends in good
// order on SIGTERM.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "bus/kafka/kafka_bus.h"
#include "ops/system_clock.h"
#include "stages/executor.h"
#include "stages/instance.h"

namespace millrace {
namespace {

constexpr int32_t kPartitions = 4;
std::atomic<bool> stopped{false};

class NoSpool : public stages::Spool {
 public:
  absl::Status Keep(std::string_view, std::string_view) override { return absl::OkStatus(); }
};

class Copy : public stages::Stage {
 public:
  explicit Copy(int64_t micros, const Clock& clock) : work_(micros * 1000), clock_(clock) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    for (const MonotonicTime end = clock_.Now() + work_; clock_.Now() < end;) {
    }
    if (message.body == "poison") return absl::InvalidArgumentError("poison");
    return outputs.Emit({.to = {}, .body = message.body});
  }

 private:
  const Duration work_;
  const Clock& clock_;
};

int Work(const std::string& url, const std::string& name, int64_t micros) {
  ops::SystemClock clock;
  auto bus = bus::OpenKafkaBus(url, clock);
  if (!bus.ok()) {
    std::cerr << bus.status() << "\n";
    return 1;
  }
  const absl::Status applied = (*bus)->Apply({.topics = {{.name = "in", .partitions = kPartitions, .groups = {"copy"}},
                                                         {.name = "out", .partitions = kPartitions},
                                                         {.name = "dead", .keep = true}}});
  if (!applied.ok()) {
    std::cerr << applied << "\n";
    return 1;
  }
  NoSpool spool;
  bus::SegmentPool pool(64 << 10);
  stages::InstanceConfig config;
  config.worker.stage = "copy";
  config.worker.inputs = {"in"};
  config.worker.topic_partitions = {kPartitions, 1};
  config.worker.dead_letter = {.name = "dead", .topic = 1, .partitions = 1};
  config.worker.exactly_once = true;
  config.worker.retry.suspect_after_starts = 1'000'000;  // deaths here are not the messages' fault
  config.consumer = {.group = "copy", .topics = {"in"}, .instance = name};
  config.producer = {.name = name, .topics = {"out", "dead"}};
  config.spool = &spool;
  config.on_trouble = [](const absl::Status& status) {
    if (!status.ok()) std::cout << status.message() << std::endl;
  };
  config.make_executor = [&](stages::AttemptReporter* reporter) {
    stages::AttemptRunner::Config runner;
    runner.outputs.stage = "copy";
    runner.outputs.source = "/test/copy";
    runner.outputs.outputs = {{.name = "out", .topic = 0, .partitions = kPartitions}};
    runner.inputs = {"in"};
    return stages::MakeInlineExecutor(
        std::make_unique<stages::AttemptRunner>(runner, std::make_unique<Copy>(micros, clock), nullptr, &pool, &clock),
        reporter);
  };
  stages::Instance instance(std::move(config), bus->get(), &clock);
  absl::Status result;
  std::atomic<bool> ended{false};
  std::thread thread([&] {
    result = instance.Run();
    ended = true;
  });
  std::cout << "at work" << std::endl;
  while (!stopped && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  instance.Drain(clock.Now() + std::chrono::seconds(20));
  thread.join();
  if (!result.ok()) std::cerr << result << "\n";
  return result.ok() ? 0 : 1;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: kafka_worker URL NAME MICROS\n";
    return 2;
  }
  std::signal(SIGTERM, [](int) { millrace::stopped = true; });
  return millrace::Work(argv[1], argv[2], std::atoll(argv[3]));
}
