// Reports as JSON.
#include <span>
#include <string>

#include "bus/hex.h"
#include "ops/json_writer.h"
#include "ops/sim_report.h"
#include "ops/sim_report_words.h"
#include "sim/checker.h"
#include "sim/plan_names.h"

namespace millrace::ops {
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
    json.Key("shrunk").Bool(told.shrunk);
    text("shrink_ended_by", told.shrink_ended_by);
    json.Key("jobs").Number(told.plan.jobs.size());
    json.Key("faults").Number(told.plan.faults.size()).Key("like").Null().Close('}');
    for (const ToldFailure::Alike& alike : told.alike) {
      open(alike.seed, told);
      json.Key("text").Null().Key("job").Null();
      text("plan", alike.plan_path);
      json.Key("page").Null();
      text("replay", alike.replay);
      json.Key("shrunk").Bool(false).Key("shrink_ended_by").Null().Key("jobs").Null().Key("faults").Null();
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
  json.Key("schedule_hash").String(bus::Hex(detail.outcome.history.schedule_hash));
  json.Key("content_hash").String(bus::Hex(detail.outcome.history.content_hash));
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
  json.Key("schedule_hash")
      .String(bus::Hex(totals.schedule_hash))
      .Key("content_hash")
      .String(bus::Hex(totals.content_hash));
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
