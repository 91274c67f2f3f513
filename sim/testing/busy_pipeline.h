// A pipeline that has whatever faults can strike: a port, windows that fill up, a next version, and, where `delivery` says so,
// a stage in transactions. A stage publishes, the next one has effects.
//
//   BusyPipeline busy("");                             // or "delivery: EXACTLY_ONCE", of the stage that publishes
//   Outcome outcome = busy.simulator().Judge(busy.Calm(Semantics::kLog, 60));
//
// Threading: one thread.
#ifndef MILLRACE_SIM_TESTING_BUSY_PIPELINE_H_
#define MILLRACE_SIM_TESTING_BUSY_PIPELINE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/example/one_stage.h"
#include "sim/simulator.h"
#include "sim/subject.h"
#include "sim/testing/ledger_port.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"

namespace millrace::sim {

class BusyPipeline {
 public:
  explicit BusyPipeline(const std::string& delivery) {
    EXPECT_TRUE(RegisterOneStage(registry_).ok());
    EXPECT_TRUE(AddLedger(registry_).ok());
    const std::string text = R"(
        name: "busy"
        topic { name: "in" partitions: 2 }
        topic { name: "out" partitions: 2 }
        topic { name: "dead" dead_letter: true }
        source {
          name: "jobs" kind: "jobs" topic: "in"
          option { key: "count" value: "100" }
          option { key: "keys" value: "20" }
        }
        stage {
          name: "relay" kind: "relay" input: "in" output { topic: "out" } dead_letter: "dead" window { messages: 8 } )" +
                             delivery + R"(
        }
        stage { name: "put" kind: "ledger.put" input: "out" dead_letter: "dead" window { messages: 8 } }
        port { name: "ledger" kind: "ledger" }
    )";
    const auto resolved = stages::Resolve(stages::PipelineFile::Parse("busy.textproto", text).pipeline());
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    auto subject = Subject::Make(*resolved, registry_, {.next_version = &registry_});
    EXPECT_TRUE(subject.ok()) << subject.status();
    subject_ = *std::move(subject);
    subject_.SetInputs(*subject_.ReadSources(100));
    simulator_ = *Simulator::Make(subject_);
  }
  BusyPipeline(const BusyPipeline&) = delete;
  BusyPipeline& operator=(const BusyPipeline&) = delete;

  Subject& subject() { return subject_; }
  Simulator& simulator() { return *simulator_; }

  // So many jobs (ids from 1) that come faster than two processes do them, and no fault.
  Plan Calm(Semantics semantics, uint32_t jobs) const {
    Plan plan;
    plan.semantics = semantics;
    plan.salt = 1;
    plan.timing.service_min_ns = 15'000'000;
    plan.timing.service_max_ns = 25'000'000;
    for (uint32_t i = 0; i < jobs; ++i) plan.jobs.push_back({.id = i + 1, .input = i, .at_ns = int64_t{i} * 2'000'000});
    return plan;
  }

 private:
  stages::Registry registry_;
  Subject subject_;
  std::unique_ptr<Simulator> simulator_;
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_TESTING_BUSY_PIPELINE_H_
