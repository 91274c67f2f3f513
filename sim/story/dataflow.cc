#include "sim/story/dataflow.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bus/envelope.h"
#include "sim/history_index.h"
#include "sim/ledger.h"
#include "sim/simulator.h"
#include "sim/subject.h"
#include "sim/testing/ledger_port.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"

namespace millrace::sim {
namespace {

// Three services in a row, as people would build them: clean a listing, look up its price, store it.
constexpr std::string_view kPipeline = R"pb(
  name: "story"

  topic { name: "listings" partitions: 8 }
  topic { name: "clean" partitions: 8 }
  topic { name: "priced" partitions: 8 }
  topic { name: "dead" dead_letter: true }

  stage {
    name: "clean"
    kind: "story.clean"
    input: "listings"
    output { topic: "clean" }
    dead_letter: "dead"
    concurrency: 2
    batch: 4
  }
  stage {
    name: "price"
    kind: "story.price"
    input: "clean"
    output { topic: "priced" }
    dead_letter: "dead"
    concurrency: 16
    batch: 1
  }
  stage { name: "store" kind: "ledger.put" input: "priced" dead_letter: "dead" concurrency: 2 batch: 4 }
  port { name: "prices" kind: "story.prices" }
  port { name: "ledger" kind: "ledger" }
)pb";
constexpr uint32_t kProcesses = 2;
constexpr int32_t kPricesPort = 0;

// What the second service asks; only takes its time.
class Prices final : public stages::Port {
 public:
  explicit Prices(stages::PortWorld* world) : world_(world) {}
  absl::Status Ask() {
    if (world_ == nullptr) return absl::OkStatus();
    if (absl::Status entered = world_->Enter("ask"); !entered.ok()) return entered;
    return world_->Leave();
  }

 private:
  stages::PortWorld* const world_;
};

class Clean final : public stages::Stage {
 public:
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    return outputs.Emit({.body = message.body});
  }
};

class Price final : public stages::Stage {
 public:
  explicit Price(Prices* prices) : prices_(prices) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    if (absl::Status asked = prices_->Ask(); !asked.ok()) return asked;
    return outputs.Emit({.body = message.body});
  }

 private:
  Prices* const prices_;
};

absl::Status RegisterStory(stages::Registry& registry) {
  absl::Status added = AddLedger(registry);
  added.Update(registry.AddPort(
      {.kind = "story.prices",
       .summary = "takes its time",
       .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
         return std::make_unique<Prices>(nullptr);
       },
       .make_simulated = [](const stages::PortConfig&, stages::PortWorld* world)
           -> absl::StatusOr<std::unique_ptr<stages::Port>> { return std::make_unique<Prices>(world); }}));
  added.Update(
      registry.AddStage({.kind = "story.clean",
                         .summary = "the first service",
                         .make = [](const stages::StageConfig&) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
                           return std::make_unique<Clean>();
                         }}));
  added.Update(registry.AddStage(
      {.kind = "story.price",
       .summary = "the second service",
       .ports = {"prices"},
       .make = [](const stages::StageConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
         Prices* prices = config.ports == nullptr ? nullptr : config.ports->Find<Prices>("prices");
         if (prices == nullptr) return absl::InvalidArgumentError("stage " + config.name + " needs the port prices");
         return std::make_unique<Price>(prices);
       }}));
  return added;
}

std::vector<Input> InputsOf(const Workload& workload) {
  std::vector<Input> inputs;
  for (uint32_t job = 0; job < workload.jobs; ++job) {
    Input input{.topic = 0,
                .id = "listing-" + std::to_string(job),
                .key = "house-" + std::to_string(job % workload.keys),
                .body = "asks " + std::to_string(100'000 + 1000 * job),
                .headers = {}};
    bus::HeaderBuilder headers(&input.headers);
    bus::WriteEnvelope({.specversion = "1.0", .id = input.id, .source = "/story", .type = "story.listing"}, headers);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Plan PlanOf(const Workload& workload) {
  Plan plan;
  plan.salt = workload.salt;
  plan.processes = kProcesses;
  plan.static_members = true;  // who comes back under its name gets its partitions at once
  plan.cooperative = true;
  // As in the other programs a service takes its time; half of the second one's is the port's, there and back.
  plan.timing.service_min_ns = plan.timing.service_max_ns = workload.service_ns;
  plan.timing.port_min_ns = plan.timing.port_max_ns = 100'000;
  plan.timing.restart_ns = workload.restart_ns;
  for (uint32_t job = 0; job < workload.jobs; ++job)
    plan.jobs.push_back({.id = job, .input = job, .at_ns = workload.arrival_ns(job)});
  const auto fault = [&](uint32_t id, const char* kind, int64_t at_ns) {
    Fault f{.id = id, .kind = kind, .trigger = {.kind = TriggerKind::kAtTime, .at_ns = at_ns}};
    f.target = 0;
    return f;
  };
  Fault slow = fault(1, "port-slow", workload.slow_at_ns);
  slow.target = kPricesPort;
  slow.duration_ns = workload.slow_for_ns;
  slow.amount = workload.slow_by_ns / 2;
  Fault crash = fault(2, "crash", workload.crash_at_ns);
  crash.duration_ns = workload.restart_ns;
  plan.faults = {slow, crash, fault(3, "rebalance-join", workload.join_at_ns)};
  return plan;
}

void Judge(const Workload& workload, const History& history, Architecture& result) {
  result.jobs = workload.jobs;
  const HistoryIndex index(history);
  const Balance balance = BalanceOf(index);
  result.accepted = static_cast<uint32_t>(balance.accepted.size());
  result.settled = static_cast<uint32_t>(balance.settled.size());
  result.lost = result.accepted - result.settled;
  std::vector<int64_t> done_at(history.jobs.size(), -1);
  std::map<std::pair<uint16_t, uint32_t>, uint32_t> finished;  // by stage and message
  for (const Record& record : history.records) {
    switch (record.kind) {
      case Kind::kAccepted:
        if (record.at_ns < workload.slow_at_ns + workload.slow_for_ns) ++result.accepted_while_slow;
        break;
      case Kind::kAttempt:
        if (record.value == 0 && (record.flags & kSkipped) == 0 && finished[{record.stage, record.message}]++ > 0)
          ++result.duplicates;
        break;
      case Kind::kEffect:
        if (record.message != kNoMessage) {
          int64_t& at = done_at[history.messages[record.message].job];
          if (at < 0) at = record.at_ns;
        }
        break;
      default:
        break;
    }
  }
  for (uint32_t job = 0; job < done_at.size(); ++job) {
    if (done_at[job] < 0) continue;
    result.all_done_ns = std::max(result.all_done_ns, done_at[job]);
    result.longest_wait_ns = std::max(result.longest_wait_ns, done_at[job] - workload.arrival_ns(history.jobs[job].id));
  }
  if (result.lost > 0) result.all_done_ns = -1;
}

}  // namespace

absl::StatusOr<Architecture> RunDataflow(const Workload& workload, int64_t auto_commit_ns) {
  Architecture result{.name = auto_commit_ns > 0 ? "auto-commit on a timer" : "dataflow"};
  stages::Registry registry;
  if (absl::Status registered = RegisterStory(registry); !registered.ok()) return registered;
  const stages::PipelineFile file = stages::PipelineFile::Parse("story", kPipeline);
  auto resolved = stages::Resolve(file.pipeline());
  if (!resolved.ok()) return resolved.status();
  auto subject = Subject::Make(*std::move(resolved), registry, {});
  if (!subject.ok()) return subject.status();
  subject->SetInputs(InputsOf(workload));
  RunOptions options;
  options.auto_commit_ns = auto_commit_ns;
  auto simulator = Simulator::Make(*subject, options);
  if (!simulator.ok()) return simulator.status();
  Judge(workload, (*simulator)->Run(PlanOf(workload)), result);
  return result;
}

}  // namespace millrace::sim
