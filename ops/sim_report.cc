#include "ops/sim_report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "ops/json_writer.h"
#include "ops/text.h"
#include "sim/ledger.h"
#include "sim/plan_names.h"
#include "sim/report/sentence.h"

namespace millrace::ops {
namespace {

std::string Count(uint64_t number, const std::string& one, const std::string& many) {
  return WithCommas(number) + " " + (number == 1 ? one : many);
}

std::string Hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

uint64_t PerSecond(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<uint64_t>(static_cast<double>(count) / seconds) : 0;
}

std::string Listed(const std::vector<std::string>& words, const std::string& all) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return words.empty() ? all : text;
}

std::string_view NameOf(sim::Verdict verdict) {
  return verdict == sim::Verdict::kPass ? "pass" : verdict == sim::Verdict::kFail ? "FAIL" : "not checkable";
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
      if (record.kind != sim::Kind::kFault || record.value != i) continue;
      when = "fired at " + ForPeople(record.at_ns) +
             ((record.flags & sim::kInFlight) != 0 ? ", with accepted jobs unfinished" : ", with nothing in flight");
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
    text += std::string("; ") + (scope.semantics.empty() ? "on logs and on queues" : "on " + scope.semantics + "s") +
            "; at most " + Count(scope.jobs_max, "job", "jobs") +
            " a run; faults: " + Listed(scope.faults, "all kinds");
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
  std::string text = "the plan:\n\n" +
                     sim::WritePlanFile({.plan = detail.plan, .promise = "", .signature = "", .note = "", .lines = {}},
                                        {.replay = detail.plan_file.empty() ? setup.ReplaySeed(detail.plan.seed)
                                                                            : setup.ReplayPlan(detail.plan_file)});
  text += "\nwhat happened: " + Happenings(history) + "\n";
  text += "it took " + ForPeople(history.records.empty() ? 0 : history.records.back().at_ns) + " of simulated time; " +
          WithCommas(history.broker_events) + " broker events\n";
  text += "faults:\n" + FaultTable(detail);
  text += "ledger: " + Balance(detail.result.accepted, detail.result.settled, detail.result.dead_lettered) + "\n";
  text += std::string("effective: ") + (detail.outcome.effective
                                            ? "yes, a fault fired while accepted jobs were unfinished\n"
                                            : "no, no fault fired while accepted jobs were unfinished\n");
  std::vector<std::vector<std::string>> rows = {{"promise", "verdict", ""}};
  const std::span<const sim::Checker* const> checkers = sim::AllCheckers();
  for (size_t i = 0; i < checkers.size(); ++i) {
    if (!setup.Checks(checkers[i]->name)) continue;
    const sim::CheckResult& result = detail.outcome.verdicts.results[i];
    const std::string why = !result.findings.empty() ? result.findings.front().text : result.why;
    rows.push_back({std::string(checkers[i]->name), std::string(NameOf(result.verdict)), Shortened(why, 120)});
  }
  text += Table(rows, {0, 1, 2});
  return text + "schedule hash " + Hex(history.schedule_hash) + ", content hash " + Hex(history.content_hash) + "\n";
}

std::string StageFindingsAsText(const SimReport& report) {
  std::string text;
  if (!report.stage_findings.empty()) {
    text =
        "about your stages, and not about Millrace: a stage has to be a function of its message, as after a crash it "
        "is "
        "called again with the same one\n";
    for (const auto& [finding, count] : report.stage_findings) {
      text += "  " + std::string(NameOf(finding.kind)) + ": " + finding.text +
              (count > 1 ? " [" + WithCommas(count) + " times]" : "") + "\n";
    }
    if (!report.totals.failures.empty()) text += "  correct this first: it can be what broke the promises above\n";
  }
  for (const auto& [stage, why] : report.not_checkable) text += "  not checked: stage " + stage + ", " + why + "\n";
  return text;
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

namespace {

void CalmJson(const SimReport& report, JsonWriter& json) {
  json.Key("without_faults").Open('[');
  for (const CalmRun& run : report.calm) {
    json.Open('{').Key("semantics").String(sim::NameOf(run.semantics));
    json.Key("accepted").Number(run.accepted).Key("settled").Number(run.settled);
    json.Key("dead_lettered").Number(run.dead_lettered).Key("reason").String(run.reason).Close('}');
  }
  json.Close(']');
}

void FailuresJson(const SimReport& report, JsonWriter& json) {
  const auto open = [&](uint64_t seed, const ToldFailure& told) {
    json.Open('{').Key("seed").Number(seed).Key("promise").String(told.failure.promise);
    json.Key("signature").String(told.failure.signature);
  };
  const auto text = [&](std::string_view key, const std::string& value) {
    json.Key(key);
    value.empty() ? json.Null() : json.String(value);
  };
  json.Key("failures").Open('[');
  for (const ToldFailure& told : report.failures) {
    open(told.seed, told);
    text("text", told.failure.text);
    text("job", told.failure.job);
    text("plan", told.plan_path);
    text("page", told.page_path);
    text("replay", told.replay);
    json.Key("shrunk").Bool(told.shrunk).Key("jobs").Number(told.plan.jobs.size());
    json.Key("faults").Number(told.plan.faults.size()).Key("like").Null().Close('}');
    for (const uint64_t seed : told.alike) {
      open(seed, told);
      for (const char* key : {"text", "job", "plan", "page", "replay"}) json.Key(key).Null();
      json.Key("shrunk").Bool(false).Key("jobs").Null().Key("faults").Null();
      json.Key("like").Number(told.seed).Close('}');
    }
  }
  json.Close(']');
}

void FindingsJson(const SimReport& report, JsonWriter& json) {
  json.Key("stage_findings").Open('[');
  for (const auto& [finding, count] : report.stage_findings) {
    json.Open('{').Key("kind").String(NameOf(finding.kind)).Key("stage").String(finding.stage);
    json.Key("input").String(finding.input).Key("what").String(finding.what);
    json.Key("first").String(finding.first).Key("second").String(finding.second);
    json.Key("text").String(finding.text).Key("count").Number(count).Close('}');
  }
  json.Close(']').Key("stages_not_checkable").Open('[');
  for (const auto& [stage, why] : report.not_checkable)
    json.Open('{').Key("stage").String(stage).Key("why").String(why).Close('}');
  json.Close(']').Key("findings").Open('[');
  for (const std::string& finding : report.findings) json.String(finding);
  json.Close(']');
}

void PromisesJson(const SimSetup& setup, const SimReport& report, JsonWriter& json) {
  json.Key("promises").Open('[');
  for (const sim::Checker* checker : sim::AllCheckers()) {
    if (!setup.Checks(checker->name)) continue;
    const auto not_checked = report.totals.not_checked.find(checker->name);
    const uint64_t missing = not_checked == report.totals.not_checked.end() ? 0 : not_checked->second;
    const auto broken = report.totals.broken.find(std::string(checker->name));
    json.Open('{').Key("promise").String(checker->name).Key("checked").Number(report.totals.runs - missing);
    json.Key("not_checkable").Number(missing);
    json.Key("broken").Number(broken == report.totals.broken.end() ? 0 : broken->second).Close('}');
  }
  json.Close(']');
}

void CoverageJson(const SimSetup& setup, const SimReport& report, JsonWriter& json) {
  const sim::Coverage::Share share = report.totals.coverage.share(setup.campaign().draw);
  json.Key("coverage").Open('{').Key("possible").Number(share.possible).Key("hit").Number(share.hit);
  json.Key("cells").Open('[');
  for (const sim::CoverageRow& row : report.totals.coverage.Rows(setup.campaign().draw)) {
    json.Open('{').Key("fault").String(row.fault).Key("action").String(sim::NameOf(row.action));
    json.Key("hits").Number(row.hits).Key("impossible");
    row.impossible.empty() ? json.Null() : json.String(row.impossible);
    json.Close('}');
  }
  json.Close(']').Close('}');
}

void DetailJson(const SimSetup& setup, const RunDetail& detail, JsonWriter& json) {
  json.Key("run").Open('{').Key("seed").Number(detail.plan.seed).Key("plan_file").String(detail.plan_file);
  json.Key("semantics").String(sim::NameOf(detail.plan.semantics));
  json.Key("jobs").Number(detail.plan.jobs.size()).Key("faults").Number(detail.plan.faults.size());
  json.Key("accepted").Number(detail.result.accepted).Key("settled").Number(detail.result.settled);
  json.Key("dead_lettered").Number(detail.result.dead_lettered);
  json.Key("schedule_hash").String(Hex(detail.outcome.history.schedule_hash));
  json.Key("content_hash").String(Hex(detail.outcome.history.content_hash));
  json.Key("verdicts").Open('[');
  const std::span<const sim::Checker* const> checkers = sim::AllCheckers();
  for (size_t i = 0; i < checkers.size(); ++i) {
    if (!setup.Checks(checkers[i]->name)) continue;
    const sim::CheckResult& result = detail.outcome.verdicts.results[i];
    json.Open('{').Key("promise").String(checkers[i]->name).Key("verdict");
    json.String(result.verdict == sim::Verdict::kFail ? "fail" : NameOf(result.verdict)).Key("why");
    json.String(!result.findings.empty() ? result.findings.front().text : result.why).Close('}');
  }
  json.Close(']').Close('}');
}

}  // namespace

std::string ReportAsJson(const SimSetup& setup, const SimReport& report) {
  const SimTotals& totals = report.totals;
  std::string out;
  JsonWriter json(&out);
  json.Open('{').Key("pipeline").String(setup.name()).Key("inputs").Number(setup.subject().inputs().size());
  json.Key("first_seed").Number(report.first_seed).Key("threads").Number(static_cast<uint64_t>(report.threads));
  json.Key("seeds").Number(totals.runs).Key("effective_seeds").Number(totals.effective);
  json.Key("min_effective").Number(report.min_effective).Key("stopped").Bool(totals.stopped);
  FailuresJson(report, json);
  FindingsJson(report, json);
  CalmJson(report, json);
  json.Key("broker_events").Number(totals.broker_events);
  json.Key("broker_events_per_second").Number(PerSecond(totals.broker_events, totals.seconds));
  json.Key("seeds_per_second").Seconds(totals.seconds > 0 ? static_cast<double>(totals.runs) / totals.seconds : 0);
  json.Key("elapsed_seconds").Seconds(totals.seconds);
  json.Key("schedule_hash").String(Hex(totals.schedule_hash)).Key("content_hash").String(Hex(totals.content_hash));
  json.Key("faults_fired").Open('{');
  for (const auto& [kind, count] : totals.fired) json.Key(kind).Number(count);
  json.Close('}');
  PromisesJson(setup, report, json);
  CoverageJson(setup, report, json);
  if (report.detail.has_value()) DetailJson(setup, *report.detail, json);
  json.Close('}');
  return out + "\n";
}

}  // namespace millrace::ops
