#include "ops/sim_setup.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "ops/text.h"
#include "sim/never_drawn.h"
#include "sim/plan_names.h"
#include "stages/lint.h"
#include "stages/pipeline_config.h"
#include "stages/pipeline_file.h"
#include "stages/suggest.h"

namespace millrace::ops {
namespace {

// Plans name inputs by their index, so how many are read must not depend on the seed.
constexpr uint32_t kInputsMost = 500;
constexpr uintmax_t kFileBytesMost = uintmax_t{1} << 30;
constexpr int64_t kCalmSpacingNs = 1'000'000;

// The broker models stand in for any bus: what they lack is said by Subject::Make.
bus::Capabilities ModelCapabilities() {
  return {.backend = "simulator", .replay = true, .transactions = true, .lag = true, .notes = true};
}

absl::StatusOr<bus::Capabilities> AnyBus(const std::string&) { return ModelCapabilities(); }

absl::Status CheckSize(const sim::Input& input, const std::string& where) {
  const size_t bytes = input.message().Bytes(), most = ModelCapabilities().message_bytes_max;
  if (bytes <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(where + ": the job has " + WithCommas(bytes) +
                                    " bytes with its key and headers, and a bus takes at most " + WithCommas(most) +
                                    "; make it smaller, or leave it out");
}

std::vector<std::string> PromiseNames() {
  std::vector<std::string> names;
  for (const sim::Checker* checker : sim::AllCheckers()) names.emplace_back(checker->name);
  return names;
}

template <class Text>
std::map<std::string_view, size_t> CountsOf(const std::vector<Text>& kinds) {
  std::map<std::string_view, size_t> counts;
  for (const Text& kind : kinds) ++counts[kind];
  return counts;
}

}  // namespace

std::string ShellWord(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  errno = 0;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return absl::InvalidArgumentError(path + " is a folder; give a file");
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))
    return absl::InvalidArgumentError(
        path + " is a device or a pipe, which need not end; write what it gives to a file, and give that");
  if (const uintmax_t bytes = std::filesystem::file_size(path, ignored); !ignored && bytes > kFileBytesMost)
    return absl::InvalidArgumentError(path + " is too large (over 1 GiB); give a smaller file");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || in.bad()) {
    return absl::NotFoundError("cannot read " + path + (errno != 0 ? std::string(": ") + std::strerror(errno) : "") +
                               "; give a file that is there");
  }
  return text.str();
}

absl::StatusOr<std::unique_ptr<SimSetup>> SimSetup::Make(const Program& program, SimScope scope, std::ostream& log) {
  auto setup = std::unique_ptr<SimSetup>(new SimSetup);
  setup->scope_ = std::move(scope);
  if (absl::Status s = setup->CheckNames(); !s.ok()) return s;
  if (absl::Status s = setup->Load(program, log); !s.ok()) return s;
  if (absl::Status s = setup->ReadInputs(); !s.ok()) return s;
  sim::DrawFacts& facts = setup->campaign_.draw;
  facts = sim::FactsOf(setup->subject_);
  const bool logs_only = facts.semantics.has_value();
  if (!setup->scope_.semantics.empty()) facts.semantics = sim::SemanticsNamed(setup->scope_.semantics);
  if (logs_only && facts.semantics != sim::Semantics::kLog) {
    return absl::InvalidArgumentError(
        "--semantics queue: a stage is EXACTLY_ONCE, which queues have no transactions for; leave it out, and only "
        "logs "
        "are simulated");
  }
  facts.jobs_max = setup->scope_.jobs_max;
  facts.faults = setup->scope_.faults;
  for (const std::string& name : facts.faults) {
    if (const std::string why = sim::WhyNeverDrawn(name, facts); !why.empty())
      return absl::InvalidArgumentError("--faults: " + name + " can never strike here: " + why +
                                        "; leave it out (--faults help says what each does)");
  }
  setup->campaign_.promises = setup->scope_.promises;
  return setup;
}

absl::Status SimSetup::CheckNames() const {
  for (const std::string& name : scope_.faults) {
    if (sim::FindFault(name) != nullptr) continue;
    return absl::InvalidArgumentError("--faults: there is no fault \"" + name + "\"; " +
                                      stages::Suggest(name, sim::FaultNames()) + " (--faults help lists them)");
  }
  for (const std::string& name : scope_.promises) {
    if (sim::FindChecker(name) != nullptr) continue;
    return absl::InvalidArgumentError("--promises: there is no promise \"" + name + "\"; " +
                                      stages::Suggest(name, PromiseNames()) + " (--promises help lists them)");
  }
  return absl::OkStatus();
}

absl::Status SimSetup::Load(const Program& program, std::ostream& log) {
  path_ = scope_.pipeline.empty() ? program.default_config : scope_.pipeline;
  if (path_.empty())
    return absl::InvalidArgumentError("no pipeline given; name one: " + program.name + " sim PIPELINE");
  if (scope_.command.empty()) {
    scope_.command = ShellWord(program.binary) + " sim";
    if (!scope_.pipeline.empty()) scope_.command += " " + ShellWord(scope_.pipeline);
  }
  absl::StatusOr<stages::PipelineFile> file = stages::PipelineFile::Load(path_);
  if (!file.ok()) return file.status();
  // With inputs of a file, topics that no source writes to are as good as written by other programs.
  const std::vector<stages::Problem> problems = stages::Lint(
      *file,
      {.registry = program.registry, .capabilities = AnyBus, .bus = scope_.inputs.empty() ? "" : "simulated://inputs"});
  for (const stages::Problem& problem : problems) log << problem.ToString() << "\n";
  if (stages::HasErrors(problems))
    return absl::InvalidArgumentError(path_ + " cannot be simulated; correct what is named above");
  for (stages::Topic& topic : *file->mutable_pipeline()->mutable_topic()) {
    const auto most = static_cast<int32_t>(scope_.partitions_max);
    if (most > 0 && topic.partitions() > most) topic.set_partitions(most);
  }
  absl::StatusOr<stages::ResolvedPipeline> resolved = stages::Resolve(file->pipeline());
  if (!resolved.ok()) return resolved.status();
  absl::StatusOr<sim::Subject> subject = sim::Subject::Make(
      *std::move(resolved), *program.registry, {.base_dir = file->base_dir(), .next_version = program.next_registry});
  if (!subject.ok())
    return absl::Status(subject.status().code(), path_ + ": " + std::string(subject.status().message()));
  subject_ = *std::move(subject);
  return CheckNextVersion(program);
}

absl::Status SimSetup::CheckNextVersion(const Program& program) const {
  // It may know kinds that there are not yet; one that knows only such is a slip.
  if (program.next_registry != nullptr) {
    const std::vector<std::string> next = program.next_registry->StageKinds();
    const bool any = std::any_of(next.begin(), next.end(),
                                 [&](const std::string& kind) { return program.registry->FindStage(kind) != nullptr; });
    if (!any) {
      const std::string first = next.empty() ? "" : next.front();
      return absl::InvalidArgumentError("next_registrar: it registers no kind of stage that there is now; " +
                                        stages::Suggest(first, program.registry->StageKinds()));
    }
  }
  const std::vector<std::string>& asked = scope_.faults;
  const auto needs_one = std::find_if(asked.begin(), asked.end(), [](const std::string& name) {
    const sim::FaultType* type = sim::FindFault(name);
    return type != nullptr && type->traits.needs_next_version;
  });
  if (subject_.has_next_version() || needs_one == asked.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--faults " + *needs_one + ": there is no next version of a stage of " + path_ +
      "; give one by next_registrar of millrace_pipeline (ops/pipeline.bzl), or take rolling-deployment");
}

absl::Status SimSetup::ReadInputs() {
  std::vector<sim::Input> inputs;
  if (scope_.inputs.empty()) {
    absl::StatusOr<std::vector<sim::Input>> read = subject_.ReadSources(std::max(kInputsMost, scope_.jobs_max));
    if (!read.ok()) return read.status();
    inputs = *std::move(read);
    if (inputs.empty()) {
      return absl::InvalidArgumentError(
          path_ + ": its sources give no input, so there is nothing to simulate; give --inputs FILE with a job a line");
    }
    for (const sim::Input& input : inputs) {
      if (absl::Status s = CheckSize(input, path_ + ": input " + Shortened(input.id, 100) + " of its sources"); !s.ok())
        return s;
    }
  }
  std::set<std::string> names;
  for (const std::string& path : scope_.inputs) {
    const absl::StatusOr<std::string> text = ReadTextFile(path);
    if (!text.ok()) return absl::Status(text.status().code(), "--inputs: " + std::string(text.status().message()));
    // Ids do not depend on the folder that the file lies in, so that plans fit wherever it is.
    const std::string name = std::filesystem::path(path).filename().string();
    if (!names.insert(name).second)
      return absl::InvalidArgumentError("--inputs: two files are called " + name +
                                        "; rename one, as ids begin with it");
    absl::StatusOr<std::vector<sim::Input>> read = subject_.InputsOfLines(*text, name);
    if (!read.ok()) return read.status();
    if (read->empty()) return absl::InvalidArgumentError("--inputs: " + path + " has no line; give a job a line");
    for (const sim::Input& input : *read) {
      // Behind the name stands the line.
      if (absl::Status s = CheckSize(input, "--inputs: " + path + input.id.substr(name.size())); !s.ok()) return s;
    }
    std::move(read->begin(), read->end(), std::back_inserter(inputs));
  }
  subject_.SetInputs(std::move(inputs));
  return absl::OkStatus();
}

std::vector<sim::Semantics> SimSetup::semantics() const {
  if (campaign_.draw.semantics.has_value()) return {*campaign_.draw.semantics};
  return {sim::Semantics::kLog, sim::Semantics::kQueue};
}

bool SimSetup::Checks(std::string_view promise) const {
  const std::vector<std::string>& some = campaign_.promises;
  return some.empty() || std::find(some.begin(), some.end(), promise) != some.end();
}

sim::Plan SimSetup::CalmPlan(sim::Semantics semantics, uint32_t jobs_max) const {
  sim::Plan plan;
  plan.salt = 1;
  plan.semantics = semantics;
  plan.inputs_digest = subject_.inputs_digest();
  const auto inputs = static_cast<uint32_t>(subject_.inputs().size());
  const uint32_t jobs = std::min(inputs, jobs_max);
  for (uint32_t i = 0; i < jobs; ++i) {
    plan.jobs.push_back({.id = i + 1,
                         .input = static_cast<uint32_t>(uint64_t{i} * inputs / jobs),
                         .at_ns = int64_t{i} * kCalmSpacingNs});
  }
  return plan;
}

absl::StatusOr<sim::PlanFile> SimSetup::ReadPlan(const std::string& path) const {
  const absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<sim::PlanFile> file = sim::ReadPlanFile(path, *text);
  if (!file.ok()) return file;
  const absl::Status valid = sim::ValidatePlanFile(
      path, *file, subject_.topology(), {.count = subject_.inputs().size(), .digest = subject_.inputs_digest()},
      subject_.has_next_version());
  if (!valid.ok()) return valid;
  return file;
}

std::string SimSetup::WhyStale(const std::string& path, const sim::PlanFile& file,
                               const sim::SeedResult& result) const {
  const std::map<std::string_view, size_t> strike = CountsOf(result.fired);
  if (file.fires.empty()) {
    if (file.plan.faults.empty() || !strike.empty()) return "";
    return path +
           ": none of the plan's faults strikes anything, so it shows nothing; find one that does with seeds, or " +
           "take it out of the corpus";
  }
  std::string missing;
  for (const auto& [kind, wanted] : CountsOf(file.fires)) {
    const auto at = strike.find(kind);
    const size_t there = at == strike.end() ? 0 : at->second;
    if (there >= wanted) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(kind);
    if (wanted > 1) missing += " (" + std::to_string(there) + " of " + std::to_string(wanted) + " still do)";
  }
  if (missing.empty()) return "";
  return path + ": the plan has gone stale: when it was saved, faults of these kinds struck that strike nothing now: " +
         missing + "; find one that does with seeds around it, or, where it shows what it should all the same, run " +
         ReplayPlan(path) + " --renew";
}

std::string SimSetup::WhatStrikes(const std::string& path, const sim::PlanFile& file,
                                  const sim::SeedResult& result) const {
  if (!file.fires.empty() || result.fired.empty()) return "";
  std::string kinds;
  for (const auto& [kind, count] : CountsOf(result.fired)) {
    kinds += (kinds.empty() ? "" : ", ") + std::string(kind);
    if (count > 1) kinds += " (" + std::to_string(count) + ")";
  }
  return "what strikes is " + kinds + "; the plan does not say that it must: " + ReplayPlan(path) +
         " --renew writes it there";
}

bool SimSetup::JobsChooseInputs() const { return scope_.inputs.empty() && scope_.jobs_max > kInputsMost; }

// What plans do not say: which inputs they are about.
std::string SimSetup::Again() const {
  std::string options;
  for (const std::string& path : scope_.inputs_in_replay.empty() ? scope_.inputs : scope_.inputs_in_replay)
    options += " --inputs " + ShellWord(path);
  if (scope_.partitions_max > 0) options += " --partitions " + std::to_string(scope_.partitions_max);
  if (JobsChooseInputs()) options += " --jobs " + std::to_string(scope_.jobs_max);
  std::string promises;
  for (const std::string& promise : scope_.promises) promises += (promises.empty() ? "" : ",") + promise;
  if (!promises.empty()) options += " --promises " + promises;
  return options;
}

std::string SimSetup::ReplayPlan(const std::string& path) const {
  return scope_.command + Again() + " --plan " + ShellWord(path);
}

std::string SimSetup::ReplaySeed(uint64_t seed) const {
  std::string options = Again();
  if (!scope_.semantics.empty()) options += " --semantics " + scope_.semantics;
  if (scope_.jobs_max != SimScope().jobs_max && !JobsChooseInputs())
    options += " --jobs " + std::to_string(scope_.jobs_max);
  std::string faults;
  for (const std::string& fault : scope_.faults) faults += (faults.empty() ? "" : ",") + fault;
  if (!faults.empty()) options += " --faults " + faults;
  return scope_.command + options + " --seed " + std::to_string(seed);
}

}  // namespace millrace::ops
