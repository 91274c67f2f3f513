// Publishes dead letters to their stages again, so many a second, and takes out what was confirmed.
//
//   Redriver redriver(bus, topics, clock, 100.0);
//   redriver.Open();
//   redriver.Add(reader, place, topic, partition, message);   // publishes what is full, confirms, removes
//   redriver.Finish(reader);
//
// Effect      nothing is removed before the broker has confirmed its publish. What dies between the two is redriven
//             twice, under one id.
// Blocking    Add and Finish: for the rate, and for the broker, a minute at most.
// Errors      of the broker; what it refuses of a single message is counted in refused() and stays where it is.
// Threading   one thread. Ownership: bus and clock outlive it.
#ifndef MILLRACE_OPS_REDRIVER_H_
#define MILLRACE_OPS_REDRIVER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/admin.h"
#include "bus/bus.h"
#include "bus/producer.h"
#include "ops/sleeper.h"

namespace millrace::ops {

class Redriver : private bus::ProducerHandler {
 public:
  // `rate`: messages a second; 0: as fast as it goes.
  Redriver(bus::Bus& bus, std::vector<std::string> topics, const Clock& clock, double rate);

  absl::Status Open();
  // The message is copied. `topic`: one of the topics.
  absl::Status Add(bus::KeptReader& reader, uint64_t place, const std::string& topic, int32_t partition,
                   const bus::Message& message);
  absl::Status Finish(bus::KeptReader& reader);

  uint64_t redriven() const { return redriven_; }
  // Why, and how many.
  const std::map<std::string, uint64_t>& refused() const { return refused_; }

 private:
  struct Waiting {
    uint64_t place = 0;
    int32_t topic = 0;
    int32_t partition = 0;
    std::string key, body, headers;
    bool has_key = false, has_body = false;
    int64_t timestamp_ms = 0;
    bool answered = false;
    absl::Status status;
  };
  absl::Status Flush(bus::KeptReader& reader);
  absl::Status PublishAll();
  void OnConfirmed(const bus::Confirm& confirm) override;
  void OnWritable() override { writable_ = true; }

  bus::Bus& bus_;
  const std::vector<std::string> topics_;
  const Clock& clock_;
  const double rate_;
  Sleeper sleeper_;
  std::unique_ptr<bus::Producer> producer_;
  std::vector<Waiting> batch_;
  size_t batch_bytes_ = 0;
  bool writable_ = false;     // since the last Publish
  uint64_t first_token_ = 1;  // of the batch
  MonotonicTime started_;
  uint64_t sent_ = 0;
  uint64_t redriven_ = 0;
  std::map<std::string, uint64_t> refused_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_REDRIVER_H_
