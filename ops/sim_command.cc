#include "ops/sim_command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace millrace::ops {
namespace {

constexpr const char* kFooter =
    "For each failure: which promise broke for which job, how it came about in the smallest plan that was found, and "
    "the "
    "command that runs it again; plan and page go to DIR.\n"
    "A run is effective when a fault struck while accepted jobs were unfinished: only these prove anything.\n"
    "Exit code: 0 well, 1 a finding (a promise broken, a stage that is no function of its message, too few effective "
    "seeds, a pipeline that settles nothing even without faults), 2 usage or configuration, 3 environment.\n"
    "Examples:\n";

void AddWhat(CLI::App* sim, SimArguments* a) {
  sim->add_option("--seeds", a->seeds, "How many seeds, or FIRST..LAST; default 1000")->type_name("N");
  const CLI::Validator natural(IsNatural, "", "");
  sim->add_option("--first-seed", a->first_seed, "The first of them, default 1")->check(natural)->type_name("S");
  sim->add_option("--seed", a->seed, "One seed: its plan, what happened, and the verdict of each promise")
      ->check(natural)
      ->type_name("S");
  sim->add_option("--plan", a->plan, "One run of the plan in this file")->type_name("FILE");
  sim->add_flag("--renew", a->renew,
                "With --plan: write into the file which of its faults strike now, as a plan of a corpus has to say");
  sim->add_flag("--exhaustive", a->exhaustive,
                "All schedules with one or two crashes over a few jobs, on 2 processes and 2 partitions");
  sim->add_option("--semantics", a->scope.semantics, "Only logs or only queues; default both")
      ->check(CLI::IsMember({"log", "queue"}))
      ->type_name("log|queue");
  sim->add_option("--jobs", a->jobs, "Most jobs of a run, default 200, with --exhaustive 3")
      ->check(natural)
      ->type_name("N");
  sim->add_option("--partitions", a->scope.partitions_max,
                  "Most partitions of a topic, whatever the pipeline says; with --exhaustive 2")
      ->check(natural)
      ->type_name("N");
  sim->add_option("--inputs", a->scope.inputs,
                  "A file with a job a line, instead of the pipeline's sources; may be repeated")
      ->type_name("FILE");
  sim->add_option("--faults", a->scope.faults, "Only these kinds; help lists them")
      ->delimiter(',')
      ->type_name("KIND,...");
  sim->add_option("--promises", a->scope.promises, "Check only these; help lists them")
      ->delimiter(',')
      ->type_name("NAME,...");
}

void AddHow(CLI::App* sim, SimArguments* a) {
  sim->add_flag(
      "--shrink", a->shrink,
      "With --seed or --plan: where it fails, find the smallest plan that breaks the same promise in the same way");
  sim->add_flag("--no-shrink", a->no_shrink,
                "Of many seeds: tell failures as they were drawn, and look for no smaller plans");
  sim->add_flag("--coverage", a->coverage,
                "When the seeds have run: a table of how often each kind of fault struck just as the worker was doing "
                "what (publishing, settling, …), and more runs, each made to hit a combination that no seed did");
  sim->add_flag(
      "--isolate", a->isolate,
      "First run some plans in fresh processes and in used ones, and compare: finds what stages keep in statics, "
      "globals and files");
  sim->add_option("--threads", a->threads, "How many seeds are run at a time, default as many as there are cores")
      ->type_name("T");
  sim->add_option("--format", a->format, "text or json (one object on standard output, the rest on standard error)")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  sim->add_option("--report", a->report,
                  "A page of the first failure, or, where nothing fails, of the first effective seed; with --seed or "
                  "--plan of the "
                  "run")
      ->type_name("FILE.html");
  sim->add_option("--out", a->out, "Folder for plans and pages of failures, default sim-failures")->type_name("DIR");
  sim->add_option("--budget-seconds", a->budget_seconds, "Begin no seed, and no other run, after that time")
      ->type_name("SECONDS");
  sim->add_option("--min-effective", a->min_effective, "Fewer effective seeds are a finding, default one in twenty")
      ->check(CLI::Validator(IsNatural, "", ""))
      ->type_name("N");
  sim->add_option("--max-dead-share", a->max_dead_share,
                  "A larger share of dead letters without any fault is a finding, default 0.5")
      ->type_name("SHARE");
}

}  // namespace

void AddSimCommand(const Program& program, CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<SimArguments>();
  CLI::App* sim = app.add_subcommand("sim", "Simulate a pipeline under faults, and check what Millrace promises");
  sim->add_option("PIPELINE", arguments->scope.pipeline,
                  std::string("Pipeline file (text-format Protobuf)") +
                      (program.default_config.empty() ? "" : "; default: the one this program was built with"));
  AddWhat(sim, arguments.get());
  AddHow(sim, arguments.get());
  const std::string& name = program.name;
  sim->footer(kFooter + ("  " + name + " sim orders.textproto --seeds 5000\n  " + name +
                         " sim orders.textproto --seed 17 --shrink\n  " + name +
                         " sim orders.textproto --plan sim-failures/seed-17.plan --report run.html"));
  sim->callback([&program, arguments, exit_code] { *exit_code = RunSim(program, *arguments); });
}

}  // namespace millrace::ops
