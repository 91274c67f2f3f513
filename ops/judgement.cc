#include "ops/judgement.h"

#include <string_view>
#include <vector>

#include "ops/json_writer.h"
#include "ops/text.h"
#include "sim/history_index.h"
#include "sim/ledger.h"

namespace millrace::ops {
namespace {

std::string_view NameOf(sim::Verdict verdict) {
  switch (verdict) {
    case sim::Verdict::kPass:
      return "kept";
    case sim::Verdict::kFail:
      return "BROKEN";
    case sim::Verdict::kNotCheckable:
      break;
  }
  return "not checkable";
}

sim::Balance BalanceOf(const sim::Observed& observed) {
  const sim::HistoryIndex index(observed.history);
  return sim::BalanceOf(index);
}

}  // namespace

std::string JudgementAsText(const sim::Observed& observed, const sim::Verdicts& verdicts) {
  const sim::Balance balance = BalanceOf(observed);
  std::vector<std::vector<std::string>> rows;
  std::string findings;
  for (size_t i = 0; i < verdicts.results.size(); ++i) {
    const sim::CheckResult& result = verdicts.results[i];
    rows.push_back({std::string(sim::AllCheckers()[i]->name), std::string(NameOf(result.verdict)), result.why});
    for (const sim::Finding& finding : result.findings)
      findings += "  " + std::string(finding.promise) + ": " + finding.text + "\n";
  }
  std::string text = "Promises, by what the processes, the broker and the stores have written down:\n";
  text += Table(rows, {0, 1, 2});
  if (!findings.empty()) text += "Found:\n" + findings;
  for (const std::string& missing : observed.missing) text += "Histories are missing: " + missing + "\n";
  text += WithCommas(observed.history.topology.processes) + " instances, " + WithCommas(observed.lines) + " lines; ";
  text += WithCommas(balance.accepted.size()) + " accepted = " + WithCommas(balance.settled.size()) + " settled + " +
          WithCommas(balance.dead_lettered.size()) + " dead-lettered + " + WithCommas(balance.on_bus.size()) +
          " on the bus + " + WithCommas(balance.lost.size()) + " lost\n";
  text += "uncommitted work redone: " + WithCommas(observed.redone) + "\n";
  return text;
}

std::string JudgementAsJson(const sim::Observed& observed, const sim::Verdicts& verdicts) {
  const sim::Balance balance = BalanceOf(observed);
  std::string text;
  JsonWriter json(&text);
  json.Open('{').Key("processes").Number(observed.history.topology.processes).Key("lines").Number(observed.lines);
  json.Key("accepted").Number(balance.accepted.size()).Key("settled").Number(balance.settled.size());
  json.Key("dead_lettered").Number(balance.dead_lettered.size()).Key("on_bus").Number(balance.on_bus.size());
  json.Key("lost").Number(balance.lost.size()).Key("redone").Number(observed.redone);
  json.Key("missing").Open('[');
  for (const std::string& missing : observed.missing) json.String(missing);
  json.Close(']');
  json.Key("failed").Bool(verdicts.failed()).Key("promises").Open('[');
  for (size_t i = 0; i < verdicts.results.size(); ++i) {
    const sim::CheckResult& result = verdicts.results[i];
    json.Open('{').Key("name").String(sim::AllCheckers()[i]->name).Key("verdict").String(NameOf(result.verdict));
    json.Key("why").String(result.why).Key("findings").Open('[');
    for (const sim::Finding& finding : result.findings) json.String(finding.text);
    json.Close(']').Close('}');
  }
  json.Close(']').Close('}');
  return text + "\n";
}

}  // namespace millrace::ops
