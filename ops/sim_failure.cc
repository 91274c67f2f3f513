#include "ops/sim_failure.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "ops/text.h"
#include "sim/report/page.h"
#include "sim/report/words.h"

namespace millrace::ops {
namespace {

constexpr size_t kToldMost = 5;  // kinds of failures that are shrunk and told

absl::Status CannotWrite(const std::string& path, int error) {
  return absl::PermissionDeniedError("cannot write " + path +
                                     (error != 0 ? std::string(": ") + std::strerror(error) : "") +
                                     "; name a file in a folder that is there and yours");
}

std::string Count(uint64_t number, const std::string& one, const std::string& many) {
  return WithCommas(number) + " " + (number == 1 ? one : many);
}

}  // namespace

absl::Status CheckWritable(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return CannotWrite(path, EISDIR);
  const bool there = std::filesystem::exists(path, ignored);
  errno = 0;
  const bool good = static_cast<bool>(std::ofstream(path, std::ios::app));
  const int error = errno;
  if (good && !there) std::filesystem::remove(path, ignored);
  return good ? absl::OkStatus() : CannotWrite(path, error);
}

absl::Status WriteTextFile(const std::string& path, const std::string& text) {
  std::error_code ignored;
  if (const auto folder = std::filesystem::path(path).parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, ignored);
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  return out ? absl::OkStatus() : CannotWrite(path, errno);
}

std::string FailureTeller::InReplay(const std::string& name) const {
  const std::string& folder = options_.out_in_replay.empty() ? options_.out : options_.out_in_replay;
  return (std::filesystem::path(folder) / (name + ".plan")).string();
}

std::string FailureTeller::Save(const sim::Plan& plan, const sim::Failure& failure, const std::string& name) {
  const std::string path = (std::filesystem::path(options_.out) / (name + ".plan")).string();
  const std::string replay = setup_.ReplayPlan(InReplay(name));
  const std::string text = sim::WritePlanFile(
      {.plan = plan, .promise = failure.promise, .signature = failure.signature, .note = failure.text, .lines = {}},
      {.replay = replay});
  if (absl::Status s = WriteTextFile(path, text); !s.ok()) {
    problems_.emplace_back(s.message());
    return "";
  }
  return path;
}

void FailureTeller::WritePage(const std::string& path, const std::string& page) {
  if (absl::Status s = WriteTextFile(path, page); !s.ok()) problems_.emplace_back(s.message());
}

void FailureTeller::Shrink(const sim::SeedResult& result, ToldFailure* told) {
  const MonotonicTime end = clock_.Now() + options_.shrink_limit;
  bool begun = false;  // the first run shows that it fails at all
  const absl::StatusOr<sim::ShrinkResult> shrunk = worker_.campaign->ShrinkPlan(
      result.plan, result.failure, 20'000, [&] { return std::exchange(begun, true) && clock_.Now() >= end; });
  if (!shrunk.ok()) {
    problems_.push_back("seed " + std::to_string(result.seed) +
                        " did not fail again when it was to be shrunk: " + std::string(shrunk.status().message()));
    return;
  }
  told->plan = shrunk->plan;
  told->shrink_runs = shrunk->runs;
  told->shrunk = true;
}

ToldFailure FailureTeller::Tell(const sim::SeedResult& result, const std::string& name) {
  ToldFailure told{.seed = result.seed, .failure = result.failure, .plan = result.plan};
  if (options_.shrink) Shrink(result, &told);
  const sim::Outcome outcome = worker_.Judge(told.plan);
  const sim::Finding* finding = nullptr;
  std::vector<sim::Finding> findings;
  for (const sim::CheckResult& check : outcome.verdicts.results) {
    for (const sim::Finding& each : check.findings) {
      if (check.verdict != sim::Verdict::kFail || !setup_.Checks(each.promise)) continue;
      findings.push_back(each);
    }
  }
  for (const sim::Finding& each : findings) {
    if (finding == nullptr && each.promise == result.failure.promise && each.signature == result.failure.signature)
      finding = &each;
  }
  if (finding == nullptr) {
    told.text = result.failure.promise + " is broken: " + result.failure.text + "\n";
  } else {
    // The page opens with the failure that is told.
    told.failure.text = finding->text;
    told.failure.job = finding->job == sim::kNoJob ? "" : outcome.history.jobs[finding->job].name;
    std::rotate(findings.begin(), findings.begin() + (finding - findings.data()),
                findings.begin() + (finding - findings.data()) + 1);
    told.text = sim::Tell(told.plan, outcome.history, findings.front());
  }
  if (!options_.given_plan.empty()) {
    told.plan_path = options_.given_plan;
    told.replay = setup_.ReplayPlan(options_.given_plan);
  } else {
    told.plan_path = Save(told.plan, told.failure, name);
    told.replay = told.plan_path.empty() ? setup_.ReplaySeed(result.seed) : setup_.ReplayPlan(InReplay(name));
  }
  const std::string page =
      sim::Page(told.plan, outcome.history, findings, {.title = setup_.name() + ", " + name, .replay = told.replay});
  if (options_.given_plan.empty()) {
    told.page_path = (std::filesystem::path(options_.out) / (name + ".html")).string();
    WritePage(told.page_path, page);
  }
  if (!options_.report.empty() && !std::exchange(reported_, true)) {
    WritePage(options_.report, page);
    told.page_path = options_.report;
  }
  if (told.shrunk) {
    told.text += "shrunk from " + Count(result.plan.jobs.size(), "job", "jobs") + " and " +
                 Count(result.plan.faults.size(), "fault", "faults") + " to " +
                 Count(told.plan.jobs.size(), "job", "jobs") + " and " +
                 Count(told.plan.faults.size(), "fault", "faults") + " in " + Count(told.shrink_runs, "run", "runs") +
                 "\n";
  }
  if (options_.plan_inline) {
    told.text += "the plan:\n\n" +
                 sim::WritePlanFile({.plan = told.plan,
                                     .promise = told.failure.promise,
                                     .signature = told.failure.signature,
                                     .note = "",
                                     .lines = {}},
                                    {.replay = told.replay}) +
                 "\n";
  }
  told.text += "replay:  " + told.replay + "\n";
  if (!told.plan_path.empty()) told.text += "plan:    " + told.plan_path + "\n";
  if (!told.page_path.empty()) told.text += "page:    " + told.page_path + "\n";
  return told;
}

std::vector<ToldFailure> FailureTeller::TellAll(const std::vector<sim::SeedResult>& failures,
                                                const std::string& prefix) {
  std::vector<ToldFailure> told;
  std::map<std::pair<std::string, std::string>, size_t> kinds;
  for (const sim::SeedResult& result : failures) {
    const auto [known, fresh] = kinds.try_emplace({result.failure.promise, result.failure.signature}, told.size());
    if (!fresh) {
      told[known->second].alike.push_back(result.seed);
    } else if (told.size() < kToldMost) {
      told.push_back(Tell(result, prefix + std::to_string(result.seed)));
    } else {
      told.push_back({.seed = result.seed, .failure = result.failure, .plan = result.plan});
      told.back().text = result.failure.promise + " is broken: " + result.failure.text + "\n";
    }
  }
  return told;
}

}  // namespace millrace::ops
