#include <absl/time/time.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/json_writer.h"
#include "ops/operator.h"
#include "ops/operator_commands.h"
#include "ops/text.h"
#include "stages/pipeline_config.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

struct ResetArguments {
  OperatorArguments common;
  std::string stage;
  std::vector<int32_t> partitions;
  bool earliest = false;
  std::string time;
  std::optional<int64_t> offset;
  bool execute = false;
};

// Milliseconds since 1970, or RFC 3339.
std::optional<int64_t> MillisecondsOf(const std::string& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  absl::Time time;
  std::string why;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &why)) return std::nullopt;
  return absl::ToUnixMillis(time);
}

class ResetCommand {
 public:
  ResetCommand(const Program& program, const ResetArguments& arguments)
      : op_(program, "offsets", arguments.common), arguments_(arguments) {}

  ExitCode Run() {
    bus::OffsetTarget target;
    if (ExitCode code = TargetOf(&target); code != kWell) return code;
    if (ExitCode code = op_.Open(); code != kWell) return code;
    const stages::StageSettings* stage = nullptr;
    std::vector<std::string> known;
    for (const stages::StageSettings& each : op_.pipeline().stages) {
      known.push_back(each.name);
      if (each.name == arguments_.stage) stage = &each;
    }
    if (stage == nullptr) {
      return op_.Fail(kUsage, "the pipeline has no stage \"" + arguments_.stage + "\"; " +
                                  stages::Suggest(arguments_.stage, known));
    }
    const bus::Topology topology = stages::TopologyOf(op_.pipeline());
    const bus::TopicSpec& input = topology.topics[static_cast<size_t>(stage->input_topic)];
    const auto moves = op_.admin().PlanOffsets(stage->group, input, arguments_.partitions, target);
    if (!moves.ok()) return op_.Fail(moves.status());
    if (arguments_.execute) {
      if (absl::Status s = op_.admin().MoveOffsets(stage->group, input, *moves); !s.ok()) return op_.Fail(s);
    }
    std::cout << (op_.json() ? AsJson(*stage, *moves) : AsText(*stage, *moves)) << std::flush;
    return kWell;
  }

 private:
  ExitCode TargetOf(bus::OffsetTarget* target) const {
    const int given = (arguments_.earliest ? 1 : 0) + (arguments_.time.empty() ? 0 : 1) + (arguments_.offset ? 1 : 0);
    if (given != 1) return op_.Fail(kUsage, "say one of --to-earliest, --to-time T and --to-offset N");
    if (arguments_.offset) *target = {bus::OffsetTarget::Kind::kOffset, *arguments_.offset};
    if (arguments_.time.empty()) return kWell;
    const std::optional<int64_t> time = MillisecondsOf(arguments_.time);
    if (!time.has_value()) {
      return op_.Fail(kUsage,
                      "\"" + arguments_.time + "\" is no time: write 2026-01-31T12:00:00Z, or milliseconds since 1970");
    }
    *target = {bus::OffsetTarget::Kind::kTime, *time};
    return kWell;
  }

  std::string AsText(const stages::StageSettings& stage, const std::vector<bus::OffsetMove>& moves) const {
    std::string text = "group " + stage.group + " on topic " + stage.input + ":\n";
    std::vector<std::vector<std::string>> rows = {{"partition", "from", "to", "", "log"}};
    for (const bus::OffsetMove& move : moves) {
      const int64_t from = move.from < 0 ? move.start : move.from;
      const std::string step = move.to < from   ? WithCommas(static_cast<uint64_t>(from - move.to)) + " again"
                               : move.to > from ? WithCommas(static_cast<uint64_t>(move.to - from)) + " left out"
                                                : "as it is";
      rows.push_back({std::to_string(move.partition), move.from < 0 ? "none" : std::to_string(move.from),
                      std::to_string(move.to), step, std::to_string(move.start) + "…" + std::to_string(move.end)});
    }
    text += Table(rows, {0, 3, 4});
    text += arguments_.execute ? "done; notes of these partitions (parked keys, starts counted) are forgotten\n"
                               : "a dry run: nothing was changed; say --execute to do it\n";
    return text;
  }

  std::string AsJson(const stages::StageSettings& stage, const std::vector<bus::OffsetMove>& moves) const {
    std::string out;
    JsonWriter json(&out);
    json.Open('{').Key("group").String(stage.group).Key("topic").String(stage.input);
    json.Key("executed").Bool(arguments_.execute).Key("partitions").Open('[');
    for (const bus::OffsetMove& move : moves) {
      json.Open('{').Key("partition").Number(static_cast<uint64_t>(move.partition)).Key("from");
      if (move.from < 0) {
        json.Null();
      } else {
        json.Number(static_cast<uint64_t>(move.from));
      }
      json.Key("to").Number(static_cast<uint64_t>(move.to)).Key("start").Number(static_cast<uint64_t>(move.start));
      json.Key("end").Number(static_cast<uint64_t>(move.end)).Close('}');
    }
    json.Close(']').Close('}');
    return out + "\n";
  }

  Operator op_;
  const ResetArguments& arguments_;
};

}  // namespace

void AddOffsetsCommand(const Program& program, CLI::App& app, int* exit_code) {
  CLI::App* offsets = app.add_subcommand("offsets", "Set where a stage's group goes on");
  offsets->require_subcommand(1);
  auto arguments = std::make_shared<ResetArguments>();
  CLI::App* reset = offsets->add_subcommand("reset", "Begin a stage's input anew, or leave a part of it out (Kafka)");
  AddOperatorOptions(program, *reset, &arguments->common);
  reset->add_option("--stage", arguments->stage, "The stage whose group is meant")->required()->type_name("NAME");
  reset->add_option("--partition", arguments->partitions, "Only this partition; may be repeated; default all")
      ->type_name("N");
  reset->add_flag("--to-earliest", arguments->earliest, "To the beginning of the log");
  reset->add_option("--to-time", arguments->time, "To the first record that is not before this time")
      ->type_name("RFC3339|MS");
  reset->add_option("--to-offset", arguments->offset, "To this offset, or the nearest that the log has")
      ->type_name("N");
  reset->add_flag("--execute", arguments->execute, "Do it; without it only show what would be done");
  reset->footer(
      "Refused while the group has members: they would commit over it. What is done again is done under the same ids; "
      "what is left out is lost to the stage.\n"
      "RabbitMQ keeps no log to go back in: refused there.\n"
      "Exit code: 0 done, or shown, 2 usage or refused, 3 environment.\n"
      "Example:\n  " +
      program.name +
      " offsets reset orders.textproto --bus kafka://broker:9092 --stage price --to-time "
      "2026-01-31T12:00:00Z");
  reset->callback([&program, arguments, exit_code] { *exit_code = ResetCommand(program, *arguments).Run(); });
}

}  // namespace millrace::ops
