#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "ops/operator.h"
#include "ops/operator_commands.h"
#include "ops/topology_report.h"
#include "stages/pipeline_config.h"

namespace millrace::ops {
namespace {

enum class Verb { kPlan, kApply, kCheck };

ExitCode RunTopology(const Program& program, Verb verb, const OperatorArguments& arguments) {
  Operator op(program, "topology", arguments);
  if (ExitCode code = op.Open(); code != kWell) return code;
  const bus::Topology topology = stages::TopologyOf(op.pipeline());
  // Who checks wants to know; who plans or applies is in the way of others as little as who works.
  const auto look = verb == Verb::kCheck ? bus::Admin::Look::kContents : bus::Admin::Look::kTopology;
  auto items = op.admin().Compare(topology, look);
  if (!items.ok()) return op.Fail(items.status());
  TopologyCounts counts = CountsOf(*items);
  std::string done;
  if (verb == Verb::kApply && counts.refused == 0) {
    const size_t missing = counts.missing;
    if (absl::Status s = op.bus().Apply(topology); !s.ok()) return op.Fail(s);
    items = op.admin().Compare(topology, look);
    if (!items.ok()) return op.Fail(items.status());
    counts = CountsOf(*items);
    done = std::to_string(missing - std::min(missing, counts.missing)) + " made on " + op.printable_bus() + "\n";
  } else if (verb == Verb::kApply) {
    done = "nothing was changed\n";
  }
  std::cout << (op.json() ? TopologyAsJson(*items) : TopologyAsText(*items) + done) << std::flush;
  const bool finding = verb == Verb::kCheck ? counts.missing + counts.differs + counts.refused > 0 : counts.refused > 0;
  return finding ? kPromiseBroken : kWell;
}

}  // namespace

void AddTopologyCommand(const Program& program, CLI::App& app, int* exit_code) {
  CLI::App* topology =
      app.add_subcommand("topology", "Show and make what a pipeline needs on a broker: topics, partitions, queues");
  topology->require_subcommand(1);
  topology->footer(
      "Nothing that exists is ever changed. What would move keys between partitions, or lose messages, is refused with "
      "the way out: run the old topic empty (`lag`), then go on with a new version of it under another name.\n"
      "Signs: + missing, ~ works, though not as the pipeline says, ! refused.\n"
      "Example:\n  " +
      program.name + " topology plan orders.textproto --bus kafka://broker:9092");
  struct Described {
    Verb verb;
    const char* name;
    const char* about;
    const char* exits;
  };
  for (const Described& each :
       {Described{Verb::kPlan, "plan", "Show what apply would make; change nothing",
                  "Exit code: 0 apply would succeed, 1 it would refuse, 2 usage, 3 environment."},
        Described{Verb::kApply, "apply", "Make what is missing",
                  "Exit code: 0 made, or there already, 1 refused and nothing changed, 2 usage, 3 environment."},
        Described{Verb::kCheck, "check", "Say whether everything is as the pipeline says",
                  "Exit code: 0 it is, 1 something is missing or different, 2 usage, 3 environment."}}) {
    auto arguments = std::make_shared<OperatorArguments>();
    CLI::App* command = topology->add_subcommand(each.name, each.about);
    AddOperatorOptions(program, *command, arguments.get());
    command->footer(each.exits);
    command->callback(
        [&program, verb = each.verb, arguments, exit_code] { *exit_code = RunTopology(program, verb, *arguments); });
  }
}

}  // namespace millrace::ops
