#include "sim/campaign.h"

#include <algorithm>
#include <utility>

#include "bus/digest.h"
#include "sim/fault.h"

namespace millrace::sim {

DrawFacts FactsOf(const Subject& subject) {
  DrawFacts facts;
  facts.topology = &subject.topology();
  facts.inputs = {.count = subject.inputs().size(), .digest = subject.inputs_digest()};
  for (const Input& input : subject.inputs()) {
    if (input.body.size() > facts.inputs.bytes_max) {
      facts.inputs.bytes_max = input.body.size();
      facts.inputs.largest = static_cast<uint32_t>(facts.input_keys.size());
    }
    facts.input_bytes.push_back(input.message().Bytes());
    facts.input_keys.push_back(static_cast<uint32_t>(bus::Digest64(input.key.value_or(input.id))));
  }
  facts.new_version = subject.has_next_version();
  if (HasTransactions(subject.topology())) facts.semantics = Semantics::kLog;
  return facts;
}

Campaign::Campaign(const Subject& subject, Simulator& simulator, CampaignOptions options)
    : subject_(subject), simulator_(simulator), options_(std::move(options)) {
  simulator_.options().firings = this;
}

Campaign::~Campaign() { simulator_.options().firings = nullptr; }

void Campaign::Fired(uint32_t fault, ActionKind action) {
  // What others run on this simulator meanwhile counts for nothing.
  if (running_ != nullptr) aimed_.emplace_back(fault, action);
}

bool Campaign::Checked(std::string_view promise) const {
  return options_.promises.empty() ||
         std::find(options_.promises.begin(), options_.promises.end(), promise) != options_.promises.end();
}

const Finding* Campaign::FailureOf(const Outcome& outcome) const {
  for (const CheckResult& result : outcome.verdicts.results) {
    if (result.verdict != Verdict::kFail) continue;
    for (const Finding& finding : result.findings) {
      if (Checked(finding.promise)) return &finding;
    }
  }
  return nullptr;
}

SeedResult Campaign::RunSeed(uint64_t seed) {
  SeedResult result = RunPlan(PlanOf(seed));
  result.seed = seed;
  return result;
}

SeedResult Campaign::RunPlan(const Plan& plan) {
  running_ = &plan;
  const Outcome outcome = simulator_.Judge(plan);
  running_ = nullptr;
  // What fired at an action and then met nothing has hit nothing.
  std::vector<bool> struck(plan.faults.size());
  for (const Strike& strike : outcome.history.strikes) struck[strike.fault] = true;
  for (const auto& [fault, action] : aimed_) {
    if (struck[fault]) coverage_.Hit(plan, fault, action);
  }
  aimed_.clear();
  coverage_.See(outcome.history);
  return ResultOf(plan, outcome);
}

SeedResult Campaign::ResultOf(const Plan& plan, const Outcome& outcome) const {
  SeedResult result;
  result.seed = plan.seed;
  result.effective = outcome.effective;
  result.broker_events = outcome.history.broker_events;
  result.records = outcome.history.records.size();
  result.messages = outcome.history.messages.size();
  result.schedule_hash = outcome.history.schedule_hash;
  result.content_hash = outcome.history.content_hash;
  const std::span<const Checker* const> checkers = AllCheckers();
  for (size_t i = 0; i < outcome.verdicts.results.size(); ++i) {
    if (outcome.verdicts.results[i].verdict == Verdict::kNotCheckable) result.not_checked.push_back(checkers[i]->name);
  }
  std::vector<bool> struck(plan.faults.size());
  for (const Strike& strike : outcome.history.strikes) struck[strike.fault] = true;
  for (size_t i = 0; i < struck.size(); ++i) {
    const FaultType* type = struck[i] ? FindFault(plan.faults[i].kind) : nullptr;
    if (type != nullptr) result.fired.push_back(type->name);
  }
  result.accepted = outcome.accepted;
  result.settled = outcome.settled;
  result.dead_lettered = outcome.dead_lettered;
  if (const Finding* finding = FailureOf(outcome); finding != nullptr) {
    result.failed = true;
    result.failure = {.promise = std::string(finding->promise),
                      .signature = finding->signature,
                      .text = finding->text,
                      .job = finding->job == kNoJob ? "" : outcome.history.jobs[finding->job].name};
    result.plan = plan;
  }
  return result;
}

absl::StatusOr<ShrinkResult> Campaign::ShrinkPlan(const Plan& plan, const Failure& failure, uint64_t runs_max,
                                                  const std::function<bool(const Plan&)>& go_on) {
  FiringSink* const firings = std::exchange(simulator_.options().firings, nullptr);
  const Checker* checker = FindChecker(failure.promise);
  const bool faultless = checker == nullptr || checker->needs_faultless;
  auto fails = [&](const Plan& candidate) {
    if (go_on != nullptr && !go_on(candidate)) return false;
    const Outcome outcome = simulator_.Judge(candidate, faultless);
    for (const CheckResult& result : outcome.verdicts.results) {
      for (const Finding& finding : result.findings) {
        if (result.verdict == Verdict::kFail && finding.promise == failure.promise &&
            finding.signature == failure.signature)
          return true;
      }
    }
    return false;
  };
  absl::StatusOr<ShrinkResult> result =
      Shrink(plan, fails, {.runs_max = runs_max, .stages = static_cast<uint32_t>(subject_.topology().stages.size())});
  simulator_.options().firings = firings;
  return result;
}

}  // namespace millrace::sim
