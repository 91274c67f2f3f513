#include "sim/story/architectures.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/envelope.h"
#include "sim/history_index.h"
#include "sim/ledger.h"
#include "sim/simulator.h"
#include "sim/story/queuer.h"
#include "sim/story/services.h"
#include "sim/subject.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"

namespace millrace::sim {
namespace {

constexpr std::string_view kDataflow = R"pb(
  name: "dataflow"

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

// One job at a time.
constexpr std::string_view kChain = R"pb(
  name: "chain"

  topic { name: "listings" partitions: 1 }
  topic { name: "dead" dead_letter: true }

  stage { name: "chain" kind: "story.chain" input: "listings" dead_letter: "dead" concurrency: 1 batch: 1 }
  port { name: "prices" kind: "story.prices" }
  port { name: "ledger" kind: "ledger" }
)pb";

// As many calls at once as the dataflow has at its second stage.
constexpr std::string_view kQueuer = R"pb(
  name: "queuer"

  topic { name: "listings" partitions: 8 }
  topic { name: "dead" dead_letter: true }

  stage { name: "gateway" kind: "story.chain" input: "listings" dead_letter: "dead" concurrency: 16 batch: 1 }
  port { name: "prices" kind: "story.prices" }
  port { name: "ledger" kind: "ledger" }
)pb";
constexpr size_t kQueuerCalls = 16;

constexpr uint32_t kProcesses = 2;
constexpr int32_t kPricesPort = 0;
constexpr int64_t kServices = 3;

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

void Judge(const Workload& workload, const History& history, bool eager, Architecture& result) {
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
      case Kind::kAttempt:
        // Of what was acknowledged before it was done nobody knows any more which message it is: its repetitions are counted
        // where they have an effect.
        if (record.value == 0 && (record.flags & kSkipped) == 0 && record.message != kNoMessage && !eager &&
            finished[{record.stage, record.message}]++ > 0)
          ++result.duplicates;
        break;
      case Kind::kEffect:
        if (record.message == kNoMessage) break;
        if (int64_t& at = done_at[history.messages[record.message].job]; at < 0) at = record.at_ns;
        if (eager && (record.flags & kRepeat) != 0) ++result.duplicates;
        break;
      default:
        break;
    }
  }
  for (uint32_t job = 0; job < done_at.size(); ++job) {
    if (done_at[job] < 0) continue;
    if (done_at[job] < workload.slow_at_ns + workload.slow_for_ns) ++result.done_while_slow;
    result.all_done_ns = std::max(result.all_done_ns, done_at[job]);
    result.longest_wait_ns = std::max(result.longest_wait_ns, done_at[job] - workload.arrival_ns(history.jobs[job].id));
  }
  if (result.lost > 0) result.all_done_ns = -1;
}

// One of them. `eager`: attempts are told before they are made.
absl::StatusOr<Architecture> Run(const Workload& workload, std::string_view name, std::string_view pipeline, bool eager,
                                 const Plan& plan, RunOptions options) {
  Architecture result{.name = std::string(name)};
  stages::Registry registry;
  if (absl::Status registered = RegisterServices(registry); !registered.ok()) return registered;
  const stages::PipelineFile file = stages::PipelineFile::Parse("story", pipeline);
  auto resolved = stages::Resolve(file.pipeline());
  if (!resolved.ok()) return resolved.status();
  auto subject = Subject::Make(*std::move(resolved), registry, {});
  if (!subject.ok()) return subject.status();
  subject->SetInputs(InputsOf(workload));
  auto simulator = Simulator::Make(*subject, std::move(options));
  if (!simulator.ok()) return simulator.status();
  Judge(workload, (*simulator)->Run(plan), eager, result);
  return result;
}

// One call does what three stages do.
Plan InOneCall(const Workload& workload) {
  Plan plan = PlanOf(workload);
  plan.timing.service_min_ns = plan.timing.service_max_ns = kServices * workload.service_ns;
  return plan;
}

}  // namespace

Plan PlanOf(const Workload& workload) {
  Plan plan;
  plan.salt = workload.salt;
  plan.processes = kProcesses;
  plan.static_members = true;  // who comes back under its name gets its partitions at once
  plan.cooperative = true;
  // A service takes its time; half of by how much the second is slow is on the way to its port, half on the way back.
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

absl::StatusOr<Architecture> RunChain(const Workload& workload) {
  return Run(workload, "synchronous chain", kChain, /*eager=*/false, InOneCall(workload), {});
}

absl::StatusOr<Architecture> RunQueuer(const Workload& workload) {
  RunOptions options;
  options.shell = [](stages::AttemptReporter* reporter) { return std::make_unique<Queuer>(reporter, kQueuerCalls); };
  return Run(workload, "Queuer", kQueuer, /*eager=*/true, InOneCall(workload), std::move(options));
}

absl::StatusOr<Architecture> RunAutoCommit(const Workload& workload, int64_t every_ns) {
  RunOptions options;
  options.auto_commit_ns = every_ns;
  return Run(workload, "auto-commit on a timer", kDataflow, /*eager=*/false, PlanOf(workload), std::move(options));
}

absl::StatusOr<Architecture> RunDataflow(const Workload& workload) {
  return Run(workload, "dataflow", kDataflow, /*eager=*/false, PlanOf(workload), {});
}

}  // namespace millrace::sim
