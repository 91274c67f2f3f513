#include "ops/sim_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "bus/hex.h"
#include "ops/sim_report_words.h"
#include "ops/text.h"
#include "sim/ledger.h"
#include "sim/plan_names.h"
#include "sim/report/sentence.h"

namespace millrace::ops {
namespace {

std::string Count(uint64_t number, const std::string& one, const std::string& many) {
  return WithCommas(number) + " " + (number == 1 ? one : many);
}

std::string Listed(const std::vector<std::string>& words, const std::string& all) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return words.empty() ? all : text;
}

std::string Balance(uint64_t accepted, uint64_t settled, uint64_t dead_lettered) {
  const uint64_t rest = accepted - std::min(accepted, settled + dead_lettered);
  return WithCommas(accepted) + " accepted = " + WithCommas(settled) + " settled + " + WithCommas(dead_lettered) +
         " dead-lettered" + (rest > 0 ? " + " + WithCommas(rest) + " other" : "");
}

// What happened, counted by kind of record: "42 deliveries".
std::string Happenings(const sim::History& history) {
  std::array<uint64_t, sim::kKinds> counts{};
  for (const sim::Record& record : history.records) ++counts[static_cast<size_t>(record.kind)];
  std::string text;
  for (size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] == 0 || kind == static_cast<size_t>(sim::Kind::kEnd)) continue;
    text += (text.empty() ? "" : ", ") + WithCommas(counts[kind]) + " " +
            std::string(sim::Noun(static_cast<sim::Kind>(kind), counts[kind] != 1));
  }
  return text;
}

std::string FaultTable(const RunDetail& detail) {
  std::string text;
  for (size_t i = 0; i < detail.plan.faults.size(); ++i) {
    const sim::Fault& fault = detail.plan.faults[i];
    std::string when = "never fired: its moment did not come, or there was nothing to strike";
    for (const sim::Record& record : detail.outcome.history.records) {
      if (record.kind == sim::Kind::kFault && record.value == i)
        when = "fired at " + ForPeople(record.at_ns) + ", and nothing ever met it";
    }
    for (const sim::Strike& strike : detail.outcome.history.strikes) {
      if (strike.fault == i)
        when = "struck at " + ForPeople(strike.at_ns) +
               (strike.in_flight ? ", with accepted jobs unfinished" : ", with nothing in flight");
    }
    text += "  " + std::to_string(fault.id) + "  " + fault.kind + ": " + when + "\n";
  }
  return text.empty() ? "  none\n" : text;
}

std::string PromiseTable(const SimSetup& setup, const SimReport& report) {
  std::vector<std::vector<std::string>> rows = {{"promise", "checked", "not checkable", "broken"}};
  for (const sim::Checker* checker : sim::AllCheckers()) {
    if (!setup.Checks(checker->name)) continue;
    const auto not_checked = report.totals.not_checked.find(checker->name);
    const uint64_t missing = not_checked == report.totals.not_checked.end() ? 0 : not_checked->second;
    const auto broken = report.totals.broken.find(std::string(checker->name));
    rows.push_back({std::string(checker->name), WithCommas(report.totals.runs - missing), WithCommas(missing),
                    broken == report.totals.broken.end() ? "-" : WithCommas(broken->second)});
  }
  return Table(rows);
}

std::string FiredText(const SimTotals& totals) {
  std::vector<std::pair<uint64_t, std::string>> kinds;
  for (const auto& [kind, count] : totals.fired) kinds.emplace_back(count, kind);
  std::sort(kinds.begin(), kinds.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::string text;
  for (const auto& [count, kind] : kinds) text += (text.empty() ? "" : ", ") + kind + " " + WithCommas(count);
  return text.empty() ? "none" : text;
}

}  // namespace

std::string HeadAsText(const SimSetup& setup, const SimReport& report) {
  const SimScope& scope = setup.scope();
  const sim::Subject& subject = setup.subject();
  std::string stages;
  for (const sim::StageInfo& stage : subject.topology().stages) stages += (stages.empty() ? "" : ", ") + stage.name;
  std::string text =
      "simulating " + setup.name() + " (" + stages + ") with " + Count(subject.inputs().size(), "input", "inputs") +
      (scope.inputs.empty() ? " of its sources" : " of " + Listed(scope.inputs, "")) + ": " + report.what;
  if (!report.one_run) {
    const std::vector<sim::Semantics> semantics = setup.semantics();
    text +=
        std::string("; ") +
        (semantics.size() > 1 ? "on logs and on queues" : "on " + std::string(sim::NameOf(semantics.front())) + "s") +
        "; at most " + Count(scope.jobs_max, "job", "jobs") + " a run; faults: " + Listed(scope.faults, "all kinds");
  }
  text += "; promises: " + Listed(scope.promises, "all");
  if (scope.partitions_max > 0)
    text += "; at most " + Count(scope.partitions_max, "partition", "partitions") + " a topic";
  if (!report.one_run) text += "; " + Count(static_cast<uint64_t>(report.threads), "thread", "threads");
  return text + "\n";
}

std::string CalmAsText(const std::vector<CalmRun>& calm) {
  std::string text;
  for (const CalmRun& run : calm) {
    text += "without faults, on " + std::string(sim::NameOf(run.semantics)) +
            "s: " + Balance(run.accepted, run.settled, run.dead_lettered) + "\n";
  }
  return text;
}

std::string DetailAsText(const SimSetup& setup, const RunDetail& detail) {
  const sim::History& history = detail.outcome.history;
  std::string text =
      "the plan:\n\n" + sim::WritePlanFile({.plan = detail.plan,
                                            .promise = "",
                                            .signature = "",
                                            .fires = sim::KindsStruck(detail.plan, detail.outcome.history),
                                            .note = "",
                                            .lines = {}},
                                           {.replay = detail.plan_file.empty() ? setup.ReplaySeed(detail.plan.seed)
                                                                               : setup.ReplayPlan(detail.plan_file)});
  text += "\nwhat happened: " + Happenings(history) + "\n";
  text += "it took " + ForPeople(history.records.empty() ? 0 : history.records.back().at_ns) + " of simulated time; " +
          WithCommas(history.broker_events) + " broker events\n";
  text += "faults:\n" + FaultTable(detail);
  text += "ledger: " + Balance(detail.result.accepted, detail.result.settled, detail.result.dead_lettered) + "\n";
  text += std::string("effective: ") + (detail.outcome.effective
                                            ? "yes, a fault struck while accepted jobs were unfinished\n"
                                            : "no, no fault struck while accepted jobs were unfinished\n");
  std::vector<std::vector<std::string>> rows = {{"promise", "verdict", ""}};
  const std::span<const sim::Checker* const> checkers = sim::AllCheckers();
  for (size_t i = 0; i < checkers.size(); ++i) {
    if (!setup.Checks(checkers[i]->name)) continue;
    const sim::CheckResult& result = detail.outcome.verdicts.results[i];
    const std::string why = !result.findings.empty() ? result.findings.front().text : result.why;
    rows.push_back({std::string(checkers[i]->name), std::string(NameOf(result.verdict)), Shortened(why, 120)});
  }
  text += Table(rows, {0, 1, 2});
  return text + "schedule hash " + bus::Hex(history.schedule_hash) + ", content hash " +
         bus::Hex(history.content_hash) + "\n";
}

std::string StageFindingsAsText(const SimReport& report) {
  std::string text = StageFindingLines(report.stage_findings);
  if (!text.empty() && !report.totals.failures.empty())
    text += "  correct this first: it can be what broke the promises above\n";
  for (const auto& [stage, why] : report.not_checkable) text += "  not checked: stage " + stage + ", " + why + "\n";
  return text;
}

std::string TooFewEffective(const SimTotals& totals, uint64_t wanted, bool named) {
  const uint64_t least = named ? LeastEffective(totals.runs) : wanted;
  if (totals.effective >= least) return "";
  const std::string only =
      "only " + WithCommas(totals.effective) + " of " + WithCommas(totals.runs) + " seeds were effective";
  if (named) {
    return only + ", fewer than " + WithCommas(least) +
           ", one in twenty: these faults hardly meet this pipeline's work; take other faults, or inputs that keep it "
           "busy for longer";
  }
  return only + " within the budget, and " + WithCommas(least) +
         " are wanted; raise budget_seconds or shards, or lower min_seeds";
}

std::string NotAllSeeds(const SimTotals& totals, const SeedShare& share) {
  if (totals.runs >= share.Count()) return "";
  const uint64_t next = share.Next(totals.runs);
  return "the time was over after " + WithCommas(totals.runs) + " of the " + Count(share.Count(), "seed", "seeds") +
         " that MILLRACE_SEEDS asks " + (share.shards > 1 ? "this shard " : "") +
         "for: go on with MILLRACE_FIRST_SEED=" + std::to_string(next) +
         " MILLRACE_SEEDS=" + std::to_string(share.From(next)) +
         (share.shards > 1 ? " (of all shards' the lowest first seed, which leaves out none)" : "") +
         ", or give it more time by MILLRACE_BUDGET_SECONDS and --test_timeout";
}

std::string ReportAsText(const SimSetup& setup, const SimReport& report) {
  const SimTotals& totals = report.totals;
  std::string text = StageFindingsAsText(report);
  for (const std::string& finding : report.findings) text += "finding: " + finding + "\n";
  if (report.detail.has_value()) return text;
  text += PromiseTable(setup, report);
  if (report.show_coverage) text += totals.coverage.Table(setup.campaign().draw);
  const sim::Coverage::Share share = totals.coverage.share(setup.campaign().draw);
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%.1f s", totals.seconds);
  text += "faults fired: " + FiredText(totals) + "\n";
  text += "coverage: " + WithCommas(share.hit) + " of " + WithCommas(share.possible) +
          " combinations of a fault and the action it struck at\n";
  text += WithCommas(totals.runs) + " seeds" + (totals.stopped ? " (stopped before the end)" : "") + ", " +
          WithCommas(totals.effective) + " effective, " + Count(totals.failures.size(), "failure", "failures") + "; " +
          WithCommas(totals.broker_events) + " broker events (" +
          WithCommas(PerSecond(totals.broker_events, totals.seconds)) + "/s), " +
          WithCommas(PerSecond(totals.runs, totals.seconds)) + " seeds/s in " + seconds + "\n";
  return text;
}

}  // namespace millrace::ops
