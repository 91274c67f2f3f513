#include "ops/report.h"

#include <algorithm>
#include <cstdio>

#include "ops/json_writer.h"
#include "ops/text.h"

namespace millrace::ops {
namespace {

constexpr size_t kReasonsShown = 20;

std::string Counted(uint64_t number, const std::string& one, const std::string& many) {
  return WithCommas(number) + " " + (number == 1 ? one : many);
}

std::string Head(const RunReport& report) {
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%.1f s", report.elapsed_seconds);
  std::string head = report.pipeline + " (" + report.bus + "): ";
  if (report.accepted_now == 0) {
    head += "nothing new (0 new jobs)";
  } else {
    head += Counted(report.accepted_now, "job", "jobs") + " accepted";
    if (report.skipped > 0) head += ", " + WithCommas(report.skipped) + " of them ended before and not fed again";
  }
  head += std::string(" in ") + seconds;
  if (report.accepted_now > 0 && report.elapsed_seconds > 0) {
    head += " (" +
            WithCommas(static_cast<uint64_t>(static_cast<double>(report.accepted_now) / report.elapsed_seconds)) +
            "/s)";
  }
  if (report.interrupted) head += ", stopped before the end";
  return head + "\n";
}

std::string ReasonTable(const RunReport& report) {
  const std::vector<ReasonGroup>& reasons = report.books.reasons;
  if (reasons.empty()) return "dead letters: none\n";
  std::string out =
      "dead letters: " + WithCommas(report.books.dead_letters) + ", in " + report.dead_letters_file + "\n";
  std::vector<std::vector<std::string>> rows = {{"count", "stage", "field", "reason", "for example"}};
  for (size_t i = 0; i < std::min(reasons.size(), kReasonsShown); ++i) {
    const ReasonGroup& group = reasons[i];
    rows.push_back({WithCommas(group.count), Shortened(group.stage, 20), Shortened(group.field, 28),
                    Shortened(group.reason, 60), Shortened(group.example, 40)});
  }
  out += Table(rows, {1, 2, 3, 4});
  if (reasons.size() > kReasonsShown)
    out += "  … and " + Counted(reasons.size() - kReasonsShown, "reason", "reasons") + " more\n";
  return out;
}

std::string Examples(const std::vector<std::string>& ids) {
  std::string out;
  for (const std::string& id : ids) out += (out.empty() ? "" : ", ") + Shortened(id, 60);
  return out;
}

std::string LedgerText(const Balance& b) {
  std::string out = "ledger: accepted " + WithCommas(b.accepted) + " = settled " + WithCommas(b.settled) +
                    " + dead-lettered " + WithCommas(b.dead_lettered);
  if (b.on_bus > 0) out += " + on the bus " + WithCommas(b.on_bus);
  if (b.destroyed > 0) out += " + destroyed " + WithCommas(b.destroyed);
  if (b.to_feed_again > 0) out += " + to be fed again " + WithCommas(b.to_feed_again);
  out += " + lost " + WithCommas(b.lost) + "; duplicates " + WithCommas(b.duplicates) + "\n";
  if (b.lost > 0) out += "  LOST, for example: " + Examples(b.lost_examples) + "\n";
  if (b.conflicts > 0) {
    out += "  CONFLICTS " + WithCommas(b.conflicts) +
           " (one id, two contents: a stage that is not deterministic, or two versions of it), for example: " +
           Examples(b.conflict_examples) + "\n";
  }
  if (b.duplicates > 0) out += "  duplicates, for example: " + Examples(b.duplicate_examples) + "\n";
  if (b.redeliveries > 0) {
    out += "  ended, and on the bus all the same (to be delivered again): " + WithCommas(b.redeliveries) + "\n";
  }
  if (b.phantoms > 0) {
    out += "  ended without having been accepted " + WithCommas(b.phantoms) +
           ", for example: " + Examples(b.phantom_examples) + "\n";
  }
  return out;
}

void Strings(JsonWriter& json, const std::string& key, const std::vector<std::string>& values) {
  json.Key(key).Open('[');
  for (const std::string& value : values) json.String(value);
  json.Close(']');
}

void StagesAsJson(JsonWriter& json, const std::vector<StageReport>& stages) {
  json.Key("stages").Open('[');
  for (const StageReport& stage : stages) {
    json.Open('{').Key("name").String(stage.name);
    json.Key("in").Number(stage.in).Key("out").Number(stage.out);
    json.Key("retried").Number(stage.retried).Key("dead").Number(stage.dead);
    json.Key("p50_ms").Seconds(static_cast<double>(stage.p50_ns) / 1e6);
    json.Key("p99_ms").Seconds(static_cast<double>(stage.p99_ns) / 1e6);
    json.Key("instances").Number(static_cast<uint64_t>(stage.instances));
    json.Key("idle").Number(static_cast<uint64_t>(stage.idle)).Close('}');
  }
  json.Close(']');
}

void ReasonsAsJson(JsonWriter& json, const std::vector<ReasonGroup>& reasons) {
  json.Key("dead_letter_reasons").Open('[');
  for (const ReasonGroup& group : reasons) {
    json.Open('{').Key("stage").String(group.stage).Key("field").String(group.field).Key("reason").String(group.reason);
    json.Key("count").Number(group.count).Key("example").String(group.example).Close('}');
  }
  json.Close(']');
}

}  // namespace

std::string StageTable(const std::vector<StageReport>& stages) {
  std::vector<std::vector<std::string>> rows = {{"stage", "in", "out", "retried", "dead", "p50", "p99", "instances"}};
  std::string waste;
  for (const StageReport& stage : stages) {
    const bool timed = stage.in > 0;
    rows.push_back({stage.name, WithCommas(stage.in), WithCommas(stage.out), WithCommas(stage.retried),
                    WithCommas(stage.dead), timed ? ForPeople(stage.p50_ns) : "-",
                    timed ? ForPeople(stage.p99_ns) : "-", std::to_string(stage.instances)});
    if (stage.idle > 0) {
      waste += "idle waste: " + Counted(static_cast<uint64_t>(stage.idle), "instance", "instances") + " of " +
               stage.name + " had no partition; give its input more partitions or the stage fewer instances\n";
    }
  }
  return Table(rows) + waste;
}

std::string ReportAsText(const RunReport& report) {
  std::string out = Head(report) + "\n" + StageTable(report.stages) + "\n" + ReasonTable(report) + "\n" +
                    LedgerText(report.books.balance);
  if (report.books.balance.on_bus > 0) {
    out += report.bus_saved ? "  what is on the bus is finished by the next run on this folder\n"
                            : "  what is on the bus could not be saved; the next run on this folder feeds it again\n";
  }
  if (report.books.balance.to_feed_again > 0) {
    out += "  what is to be fed again was on a bus that is gone; the next run on this folder comes to it\n";
  }
  for (const std::string& problem : report.problems) out += "problem: " + problem + "\n";
  return out + "results: " + report.folder + "\n";
}

std::string ReportAsJson(const RunReport& report) {
  const Balance& b = report.books.balance;
  std::string out;
  JsonWriter json(&out);
  json.Open('{').Key("pipeline").String(report.pipeline).Key("bus").String(report.bus);
  json.Key("accepted").Number(b.accepted).Key("settled").Number(b.settled).Key("dead_lettered").Number(b.dead_lettered);
  json.Key("lost").Number(b.lost).Key("on_bus").Number(b.on_bus).Key("destroyed").Number(b.destroyed);
  json.Key("to_feed_again").Number(b.to_feed_again);
  json.Key("duplicates")
      .Number(b.duplicates)
      .Key("redeliveries")
      .Number(b.redeliveries)
      .Key("conflicts")
      .Number(b.conflicts)
      .Key("phantoms")
      .Number(b.phantoms);
  json.Key("new").Number(report.accepted_now).Key("skipped").Number(report.skipped);
  json.Key("elapsed_seconds").Seconds(report.elapsed_seconds).Key("interrupted").Bool(report.interrupted);
  StagesAsJson(json, report.stages);
  ReasonsAsJson(json, report.books.reasons);
  json.Key("examples").Open('{');
  Strings(json, "lost", b.lost_examples);
  Strings(json, "duplicates", b.duplicate_examples);
  Strings(json, "conflicts", b.conflict_examples);
  Strings(json, "phantoms", b.phantom_examples);
  json.Close('}');
  Strings(json, "problems", report.problems);
  json.Key("crash_model").String(report.crash_model);
  json.Key("out").String(report.folder).Key("dead_letters_file").String(report.dead_letters_file).Close('}');
  return out + "\n";
}

}  // namespace millrace::ops
