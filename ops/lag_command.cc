#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/json_writer.h"
#include "ops/lag_verdict.h"
#include "ops/operator.h"
#include "ops/operator_commands.h"
#include "ops/sleeper.h"
#include "ops/text.h"
#include "stages/pipeline_config.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds(500);

struct LagArguments {
  OperatorArguments common;
  std::vector<std::string> stages;
  std::optional<double> seconds;
};

// A stage's group and what was seen of it.
struct Watched {
  const stages::StageSettings* stage = nullptr;
  bus::TopicSpec topic;
  bus::GroupState last;
  std::vector<std::vector<LagSample>> samples;  // by partition
};

std::string Rate(const std::optional<double>& rate) {
  if (!rate.has_value()) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f/s", *rate);
  return text;
}

std::string Offset(int64_t offset) { return offset < 0 ? "-" : WithCommas(static_cast<uint64_t>(offset)); }

class LagCommand {
 public:
  LagCommand(const Program& program, const LagArguments& arguments)
      : op_(program, "lag", arguments.common), arguments_(arguments) {}

  ExitCode Run() {
    if (ExitCode code = op_.Open(); code != kWell) return code;
    if (ExitCode code = Choose(); code != kWell) return code;
    if (absl::Status s = Watch(); !s.ok()) return op_.Fail(s);
    bool error = false;
    for (const Watched& watched : watched_) {
      for (size_t n = 0; n < watched.samples.size(); ++n) error = error || IsError(VerdictOf(watched, n));
    }
    std::cout << (op_.json() ? AsJson() : AsText()) << std::flush;
    return error ? kPromiseBroken : kWell;
  }

 private:
  ExitCode Choose() {
    const bus::Topology topology = stages::TopologyOf(op_.pipeline());
    std::vector<std::string> known;
    for (const stages::StageSettings& stage : op_.pipeline().stages) {
      known.push_back(stage.name);
      const bool wanted = arguments_.stages.empty() || std::find(arguments_.stages.begin(), arguments_.stages.end(),
                                                                 stage.name) != arguments_.stages.end();
      if (wanted)
        watched_.push_back({.stage = &stage, .topic = topology.topics[static_cast<size_t>(stage.input_topic)]});
    }
    for (const std::string& name : arguments_.stages) {
      if (std::find(known.begin(), known.end(), name) == known.end())
        return op_.Fail(kUsage, "the pipeline has no stage \"" + name + "\"; " + stages::Suggest(name, known));
    }
    return kWell;
  }

  absl::Status Watch() {
    Sleeper sleeper;
    const MonotonicTime end = op_.clock().Now() + Duration(static_cast<int64_t>(Seconds() * 1e9));
    for (;;) {
      for (Watched& watched : watched_) {
        absl::StatusOr<bus::GroupState> state = op_.admin().Group(watched.stage->group, watched.topic);
        if (!state.ok()) return state.status();
        watched.last = *std::move(state);
        watched.samples.resize(watched.last.partitions.size());
        for (size_t n = 0; n < watched.samples.size(); ++n) {
          const bus::PartitionState& p = watched.last.partitions[n];
          watched.samples[n].push_back({.at = op_.clock().Now(), .committed = p.committed, .end = p.end, .lag = p.lag});
        }
      }
      const MonotonicTime now = op_.clock().Now();
      if (now >= end) return absl::OkStatus();
      sleeper.SleepUntil(std::min(end, now + kLookEvery), op_.clock());
    }
  }

  // A server of queues counts every five seconds: two counts are needed to see anything move.
  double Seconds() const { return arguments_.seconds.value_or(op_.bus().capabilities().replay ? 3 : 12); }

  static LagVerdict VerdictOf(const Watched& watched, size_t n) {
    return JudgeLag(watched.samples[n], !watched.last.partitions[n].owner.empty());
  }

  std::string AsText() const {
    std::string text;
    for (const Watched& watched : watched_) {
      int64_t lag = 0;
      for (const bus::PartitionState& p : watched.last.partitions) lag += p.lag;
      text += "stage " + watched.stage->name + ": group " + watched.stage->group + " on topic " + watched.topic.name +
              ", lag " + WithCommas(static_cast<uint64_t>(std::max<int64_t>(lag, 0))) + ", " +
              std::to_string(watched.last.instances) + " instances";
      if (!watched.last.idle.empty()) {
        text += ", idle " + std::to_string(watched.last.idle.size()) + ":";
        for (const std::string& name : watched.last.idle) text += " " + name;
      }
      text += "\n";
      std::vector<std::vector<std::string>> rows = {
          {"partition", "committed", "end", "lag", "consumed", "arriving", "to zero", "verdict", "owner"}};
      for (size_t n = 0; n < watched.samples.size(); ++n) {
        const bus::PartitionState& p = watched.last.partitions[n];
        const LagRates rates = RatesOf(watched.samples[n]);
        std::string in_hand = WithCommas(static_cast<uint64_t>(std::max<int64_t>(p.lag, 0)));
        if (p.unacked > 0) in_hand += " (" + WithCommas(static_cast<uint64_t>(p.unacked)) + " in hand)";
        rows.push_back(
            {std::to_string(p.partition), Offset(p.committed), Offset(p.end), in_hand, Rate(rates.consumed),
             Rate(rates.arriving),
             rates.seconds_to_zero.has_value()
                 ? (*rates.seconds_to_zero == 0 ? "0" : ForPeople(static_cast<int64_t>(*rates.seconds_to_zero * 1e9)))
                 : "never",
             NameOf(VerdictOf(watched, n)), p.owner.empty() ? "-" : p.owner});
      }
      text += Table(rows, {0, 7, 8});
    }
    if (!watched_.empty() && watched_.front().last.trapped > 0) {
      text += WithCommas(static_cast<uint64_t>(watched_.front().last.trapped)) +
              " messages lie in the broker's trap, lost to their stages: topology check says from where and why\n";
    }
    if (!watched_.empty()) text += "from " + watched_.front().last.source + "\n";
    return text;
  }

  std::string AsJson() const {
    std::string out;
    JsonWriter json(&out);
    json.Open('{').Key("bus").String(op_.printable_bus()).Key("stages").Open('[');
    for (const Watched& watched : watched_) {
      json.Open('{').Key("stage").String(watched.stage->name).Key("group").String(watched.stage->group);
      json.Key("topic").String(watched.topic.name).Key("source").String(watched.last.source);
      json.Key("trapped").Number(static_cast<uint64_t>(watched.last.trapped));
      json.Key("instances").Number(static_cast<uint64_t>(watched.last.instances)).Key("idle").Open('[');
      for (const std::string& name : watched.last.idle) json.String(name);
      json.Close(']').Key("partitions").Open('[');
      for (size_t n = 0; n < watched.samples.size(); ++n) Partition(watched, n, json);
      json.Close(']').Close('}');
    }
    json.Close(']').Close('}');
    return out + "\n";
  }

  static void Partition(const Watched& watched, size_t n, JsonWriter& json) {
    const bus::PartitionState& p = watched.last.partitions[n];
    const LagRates rates = RatesOf(watched.samples[n]);
    const auto number = [&](const char* key, int64_t value) {
      json.Key(key);
      if (value < 0) {
        json.Null();
      } else {
        json.Number(static_cast<uint64_t>(value));
      }
    };
    const auto rate = [&](const char* key, const std::optional<double>& value) {
      json.Key(key);
      if (value.has_value()) {
        json.Seconds(*value);
      } else {
        json.Null();
      }
    };
    json.Open('{');
    number("partition", p.partition);
    number("committed", p.committed);
    number("end", p.end);
    number("lag", std::max<int64_t>(p.lag, 0));
    if (p.ready >= 0) {
      number("ready", p.ready);
      number("unacked", p.unacked);
    }
    rate("consumed_per_second", rates.consumed);
    rate("arriving_per_second", rates.arriving);
    rate("seconds_to_zero", rates.seconds_to_zero);
    json.Key("verdict").String(NameOf(VerdictOf(watched, n))).Key("owner");
    if (p.owner.empty()) {
      json.Null();
    } else {
      json.String(p.owner);
    }
    json.Close('}');
  }

  Operator op_;
  const LagArguments& arguments_;
  std::vector<Watched> watched_;
};

}  // namespace

void AddLagCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<LagArguments>();
  CLI::App* lag = app.add_subcommand("lag", "Show how far behind the stages are, and whether they keep up");
  AddOperatorOptions(program, *lag, &arguments->common);
  lag->add_option("--stage", arguments->stages, "Only this stage; may be repeated; default all")->type_name("NAME");
  lag->add_option("--seconds", arguments->seconds,
                  "How long to watch, default 3; on RabbitMQ 12, as it counts every five")
      ->check(CLI::Range(0.0, 3600.0) & CLI::Validator(IsANumber, "", ""))
      ->type_name("SECONDS");
  lag->footer(
      "Verdicts, by Burrow's rules, over the time that is watched: OK: no lag, or it was zero or got smaller; WARN: "
      "work goes on, and the lag does not get smaller; STALL: somebody has the partition, and nothing moves; STOP: "
      "nobody has it; REWIND: the offset went back.\n"
      "On RabbitMQ the numbers come from the server's management or Prometheus plugin, which has to be on.\n"
      "Exit code: 0 well (warnings allowed), 1 a partition stalls, has stopped or went back, 2 usage, 3 environment.\n"
      "Example:\n  " +
      program.name + " lag orders.textproto --bus kafka://broker:9092 --seconds 10");
  lag->callback([&program, arguments, exit_code] { *exit_code = LagCommand(program, *arguments).Run(); });
}

}  // namespace millrace::ops
