// The program of a planted bug: searches under all promises, shrinks, and says in one line of JSON what it took.
//
//   09_commit_before_report [--searches N] [--seeds_max N] [--first SEED] [--shrink 0|1]
//
// With several searches, each from seeds of its own, figures are medians of those that found the bug, and `found` counts
// them. What is told under a promise that the bug does not name is not found but `unexpected`: a checker is wrong, or the
// bug's file. Exit status: 0 when each search found the bug, 1 when one did not, 2 for what cannot be run.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "sim/mutants/planted.h"

namespace millrace::sim {
namespace {

constexpr uint64_t kRange = 1'000'000;  // seeds of one search

struct Flags {
  uint64_t searches = 1, seeds_max = 2000, first = 1, shrink = 1;
};

bool ParseFlags(int argc, char** argv, Flags* flags) {
  const std::vector<std::pair<std::string_view, uint64_t*>> known = {{"--searches", &flags->searches},
                                                                     {"--seeds_max", &flags->seeds_max},
                                                                     {"--first", &flags->first},
                                                                     {"--shrink", &flags->shrink}};
  for (int i = 1; i < argc; i += 2) {
    const auto flag = std::find_if(known.begin(), known.end(), [&](const auto& f) { return f.first == argv[i]; });
    if (flag == known.end() || i + 1 == argc) return false;
    char* end = nullptr;
    *flag->second = std::strtoull(argv[i + 1], &end, 10);
    if (*end != '\0' || end == argv[i + 1]) return false;
  }
  return flags->searches > 0 && flags->seeds_max > 0 && flags->seeds_max <= kRange;
}

uint64_t Median(std::vector<uint64_t> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Run(const Flags& flags) {
  auto hunt = Hunt::Make(kPlantedBug.pipeline, kPlantedBug.semantics);
  if (!hunt.ok()) {
    std::cerr << kPlantedBug.name << ": " << hunt.status().ToString() << "\n";
    return 2;
  }
  Campaign& campaign = (*hunt)->campaign();
  std::vector<uint64_t> tried, effective, faults, jobs, messages, processes, records, runs;
  std::map<std::string, uint64_t> promises;
  nlohmann::ordered_json line;
  line["bug"] = kPlantedBug.name;
  line["what"] = kPlantedBug.bug;
  line["pipeline"] = kPlantedBug.pipeline;
  line["expects"] = kPlantedBug.expects;
  line["searches"] = flags.searches;
  uint64_t found = 0, unexpected = 0;
  for (uint64_t search = 0; search < flags.searches; ++search) {
    const Find find = Search(campaign, flags.first + search * kRange, flags.seeds_max);
    if (!find.found) continue;
    ++promises[find.failure.promise + ": " + find.failure.signature];
    if (!Expected(kPlantedBug, find.failure)) {
      ++unexpected;
      std::cerr << kPlantedBug.name << ": seed " << find.seed << " broke " << find.failure.promise
                << ", which it was not expected to: " << find.failure.text << "\n";
      continue;
    }
    ++found;
    tried.push_back(find.tried);
    effective.push_back(find.effective);
    if (found == 1) {
      line["seed"] = find.seed;
      line["text"] = find.failure.text;
    }
    if (flags.shrink == 0) continue;
    const auto small = campaign.ShrinkPlan(find.plan, find.failure);
    if (!small.ok()) {
      std::cerr << kPlantedBug.name << ": seed " << find.seed << ": " << small.status().ToString() << "\n";
      return 1;
    }
    const SeedResult result = campaign.RunPlan(small->plan);
    faults.push_back(small->plan.faults.size());
    jobs.push_back(small->plan.jobs.size());
    messages.push_back(result.messages);
    processes.push_back(small->plan.processes);
    records.push_back(result.records);
    runs.push_back(small->runs);
  }
  line["found"] = found;
  line["unexpected"] = unexpected;
  line["seeds"] = Median(tried);
  line["effective"] = Median(effective);
  line["effective_most"] = effective.empty() ? 0 : *std::max_element(effective.begin(), effective.end());
  line["failures"] = promises;
  if (!runs.empty()) {
    line["faults"] = Median(faults);
    line["jobs"] = Median(jobs);
    line["messages"] = Median(messages);
    line["processes"] = Median(processes);
    line["records"] = Median(records);
    line["shrink_runs"] = Median(runs);
    line["shrink_runs_most"] = *std::max_element(runs.begin(), runs.end());
  }
  std::cout << line.dump() << std::endl;
  return found == flags.searches ? 0 : 1;
}

}  // namespace
}  // namespace millrace::sim

int main(int argc, char** argv) {
  millrace::sim::Flags flags;
  if (!millrace::sim::ParseFlags(argc, argv, &flags)) {
    std::cerr << "usage: " << argv[0] << " [--searches N] [--seeds_max N] [--first SEED] [--shrink 0|1]\n";
    return 2;
  }
  return millrace::sim::Run(flags);
}
