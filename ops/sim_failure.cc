#include "ops/sim_failure.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <utility>

#include "ops/sim_last_words.h"
#include "ops/text.h"
#include "sim/report/page.h"
#include "sim/report/words.h"

namespace millrace::ops {
namespace {

constexpr uint64_t kShrinkRunsMost = 20'000;
constexpr size_t kToldMost = 5;  // kinds of failures that are shrunk and told
// Of the runs that fail alike: with a command, and only named.
constexpr size_t kAlikeReplaysMost = 10;
constexpr size_t kAlikeSeedsMost = 90;

absl::Status CannotWrite(const std::string& path, int error) {
  return absl::PermissionDeniedError("cannot write " + path +
                                     (error != 0 ? std::string(": ") + std::strerror(error) : "") +
                                     "; name a file in a folder that is there and yours");
}

std::string Count(uint64_t number, const std::string& one, const std::string& many) {
  return WithCommas(number) + " " + (number == 1 ? one : many);
}

// By name, as sim::KindsStruck.
std::vector<std::string> ByName(std::vector<std::string_view> kinds) {
  std::sort(kinds.begin(), kinds.end());
  return {kinds.begin(), kinds.end()};
}

std::string NameOf(const sim::SeedResult& result) {
  return result.plan.seed != 0 ? "seed " + std::to_string(result.plan.seed) : "a plan that was not drawn from a seed";
}

// How to run it again, and what there is to look at.
std::string WhereItIs(const ToldFailure& told) {
  std::string text;
  if (!told.replay.empty()) text += "replay:  " + told.replay + "\n";
  if (!told.plan_path.empty()) text += "plan:    " + told.plan_path + "\n";
  if (!told.page_path.empty()) text += "page:    " + told.page_path + "\n";
  return text;
}

}  // namespace

absl::Status CheckWritable(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return CannotWrite(path, EISDIR);
  // Opening one would wait for a reader.
  if (std::filesystem::is_fifo(path, ignored)) return CannotWrite(path, ESPIPE);
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

std::string StuckName(const sim::StageFinding& finding, const sim::Plan& plan) {
  const bool ended = finding.kind == sim::StageFindingKind::kProcessExit;
  return (ended ? "ended-" : "stuck-") + std::to_string(plan.seed);
}

std::string AlikeAsText(const ToldFailure& told) {
  if (told.alike.empty()) return "";
  std::string text = "so fail " + Count(told.alike.size(), "more run", "more runs") + ":\n";
  const size_t whole = std::min(told.alike.size(), kAlikeReplaysMost);
  for (size_t i = 0; i < whole; ++i) {
    const ToldFailure::Alike& alike = told.alike[i];
    text += "  " + std::to_string(alike.seed) + ":  " + (alike.replay.empty() ? "(not written)" : alike.replay) + "\n";
  }
  if (whole == told.alike.size()) return text;
  text += "  and as the last, with another seed:";
  const size_t named = std::min(told.alike.size(), whole + kAlikeSeedsMost);
  for (size_t i = whole; i < named; ++i) text += (i == whole ? " " : ", ") + std::to_string(told.alike[i].seed);
  if (named < told.alike.size()) text += ", … (" + WithCommas(told.alike.size() - named) + " more)";
  return text + "\n";
}

std::string FailureTeller::Save(const sim::Plan& plan, const sim::Failure& failure, const std::string& name,
                                std::vector<std::string> fires) {
  const std::string path = options_.plans.PathOf(name);
  const std::string replay = setup_.ReplayPlan(options_.plans.PathInReplay(name));
  const std::string text = sim::WritePlanFile({.plan = plan,
                                               .promise = failure.promise,
                                               .signature = failure.signature,
                                               .fires = std::move(fires),
                                               .note = failure.text,
                                               .lines = {}},
                                              {.replay = replay});
  if (absl::Status s = WriteTextFile(path, text); !s.ok()) {
    problems_.emplace_back(s.message());
    return "";
  }
  return path;
}

std::string FailureTeller::ReplayOf(const sim::Plan& plan, const std::string& name, bool written) const {
  if (written) return setup_.ReplayPlan(options_.plans.PathInReplay(name));
  return plan.seed != 0 ? setup_.ReplaySeed(plan.seed) : "";
}

ToldFailure::Alike FailureTeller::SaveAlike(const sim::SeedResult& result, const std::string& name) {
  ToldFailure::Alike alike{.seed = result.seed, .plan_path = "", .replay = ""};
  if (alike_plans_ < options_.alike_plans_most) {
    ++alike_plans_;
    alike.plan_path = Save(result.plan, result.failure, name, ByName(result.fired));
  }
  // Where its file lies elsewhere a seed does without.
  const bool here = options_.plans.in_replay.empty() || result.plan.seed == 0;
  alike.replay = ReplayOf(result.plan, name, here && !alike.plan_path.empty());
  return alike;
}

void FailureTeller::WritePage(const std::string& path, const std::string& page) {
  if (absl::Status s = WriteTextFile(path, page); !s.ok()) problems_.emplace_back(s.message());
}

void FailureTeller::Shrink(const sim::SeedResult& result, ToldFailure* told) {
  const MonotonicTime end = clock_.Now() + options_.shrink_limit;
  std::optional<LastWords> words;
  bool late = false, stopped = false;
  const absl::StatusOr<sim::ShrinkResult> shrunk =
      worker_.campaign->ShrinkPlan(result.plan, result.failure, kShrinkRunsMost, [&](const sim::Plan& candidate) {
        // The first run shows that it fails at all.
        if (told->shrink_runs > 0) {
          stopped = stopped || (options_.go_on != nullptr && !options_.go_on());
          late = late || clock_.Now() >= end;
        }
        if (stopped || late) return false;
        ++told->shrink_runs;
        words.emplace(worker_.BeginOwn(candidate, "a smaller form of " + NameOf(result)));
        return true;
      });
  words.reset();
  if (!shrunk.ok()) {
    problems_.push_back(NameOf(result) +
                        " did not fail again when it was to be shrunk: " + std::string(shrunk.status().message()));
    return;
  }
  told->plan = shrunk->plan;
  told->shrunk = true;
  if (stopped) {
    told->shrink_ended_by = "signal";
  } else if (late) {
    told->shrink_ended_by = "time";
  } else if (shrunk->budget_spent) {
    told->shrink_ended_by = "runs";
  }
}

ToldFailure FailureTeller::Tell(const sim::SeedResult& result, const std::string& name, const std::string& file) {
  ToldFailure told{.seed = result.seed, .failure = result.failure, .plan = result.plan};
  if (options_.shrink) Shrink(result, &told);
  const sim::Outcome outcome = worker_.Judge(told.plan, told.plan == result.plan ? file : "");
  const std::vector<std::string> fires = sim::KindsStruck(told.plan, outcome.history);
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
    told.plan_path = Save(told.plan, told.failure, name, fires);
    told.replay = ReplayOf(told.plan, name, !told.plan_path.empty());
  }
  const std::string page =
      sim::Page(told.plan, outcome.history, findings, {.title = setup_.name() + ", " + name, .replay = told.replay});
  if (options_.given_plan.empty()) {
    told.page_path = (std::filesystem::path(options_.plans.path) / (name + ".html")).string();
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
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.shrink_limit).count();
    if (told.shrink_ended_by == "time")
      told.text += "the " + std::to_string(seconds) + " seconds for shrinking were over";
    if (told.shrink_ended_by == "signal") told.text += "a signal has ended the shrinking";
    if (told.shrink_ended_by == "runs")
      told.text += "the " + WithCommas(kShrinkRunsMost) + " runs for shrinking were used up";
    if (!told.shrink_ended_by.empty()) told.text += ": --shrink with the plan goes on from here\n";
  }
  if (options_.plan_inline) {
    told.text += "the plan:\n\n" +
                 sim::WritePlanFile({.plan = told.plan,
                                     .promise = told.failure.promise,
                                     .signature = told.failure.signature,
                                     .fires = fires,
                                     .note = "",
                                     .lines = {}},
                                    {.replay = told.replay}) +
                 "\n";
  }
  told.text += WhereItIs(told);
  return told;
}

std::vector<ToldFailure> FailureTeller::TellAll(const std::vector<sim::SeedResult>& failures,
                                                const std::string& prefix) {
  std::vector<ToldFailure> told;
  std::map<std::pair<std::string, std::string>, size_t> kinds;
  for (const sim::SeedResult& result : failures) {
    const auto [known, fresh] = kinds.try_emplace({result.failure.promise, result.failure.signature}, told.size());
    const std::string name = prefix + std::to_string(result.seed);
    if (!fresh) {
      told[known->second].alike.push_back(SaveAlike(result, name));
    } else if (told.size() < kToldMost) {
      told.push_back(Tell(result, name));
    } else {
      told.push_back({.seed = result.seed, .failure = result.failure, .plan = result.plan});
      ToldFailure& brief = told.back();
      ToldFailure::Alike saved = SaveAlike(result, name);
      brief.plan_path = std::move(saved.plan_path);
      brief.replay = std::move(saved.replay);
      brief.text = result.failure.promise + " is broken: " + result.failure.text + "\n" + WhereItIs(brief);
    }
  }
  return told;
}

}  // namespace millrace::ops
