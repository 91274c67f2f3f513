#include "tests/scenarios/files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace millrace::scenarios {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file.good()) return absl::NotFoundError(path + ": cannot be read; is it in the test's data?");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

std::vector<std::string> ScenarioNames(Family family) {
  std::vector<std::string> names;
  for (const std::string& folder : {std::string("both"), ModelTag(family)}) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(kFolder) + "/" + folder, none)) {
      if (entry.path().extension() == ".scenario") names.push_back(folder + "/" + entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<Scenario> ReadScenario(const std::string& name) {
  const std::string path = std::string(kFolder) + "/" + name + ".scenario";
  const auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseScenario(path, *text);
}

absl::StatusOr<std::map<Family, Differences>> ParseDifferences(const std::string& path, const std::string& text) {
  std::map<Family, Differences> all;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    const auto wrong = [&](const std::string& what) {
      return absl::InvalidArgumentError(
          path + ":" + std::to_string(number) + ": " + what +
          "; want \"BROKER FOLDER/NAME STEP: reason\", BROKER kafka or rabbitmq, STEP a number or all");
    };
    const size_t colon = line.find(": ");
    if (colon == std::string::npos || colon + 2 == line.size()) return wrong("no reason");
    std::istringstream head(line.substr(0, colon));
    std::string broker, name, step, more;
    head >> broker >> name >> step;
    if (step.empty() || head >> more) return wrong("not three words before the colon");
    if (broker != "kafka" && broker != "rabbitmq") return wrong("there is no broker \"" + broker + "\"");
    const bool digits = std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (step != "all" && (!digits || step.size() > 4 || step == "0")) return wrong("\"" + step + "\" is no step");
    const Family family = broker == "kafka" ? Family::kLog : Family::kQueue;
    const int barrier = step == "all" ? 0 : std::stoi(step);
    if (!all[family][name].emplace(barrier, line.substr(colon + 2)).second) return wrong("listed twice");
  }
  return all;
}

absl::StatusOr<std::map<Family, Differences>> ReadDifferences() {
  const std::string path = std::string(kFolder) + "/differences.txt";
  const auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseDifferences(path, *text);
}

std::vector<std::string> CheckDifferences(const std::vector<Scenario>& scenarios, Family family,
                                          const Differences& list) {
  std::vector<std::string> wrong;
  std::map<std::string, std::set<int>> open;
  for (const auto& [name, by_barrier] : list) {
    for (const auto& [barrier, reason] : by_barrier) open[name].insert(barrier);
  }
  for (const Scenario& scenario : scenarios) {
    const std::string name = scenario.Name();
    open[name].erase(0);
    for (const Step& step : scenario.steps) {
      if (step.told.count(BrokerTag(family)) == 0) continue;
      const std::string where = scenario.path + ":" + std::to_string(step.line) + ": ";
      if (open[name].erase(step.barrier) == 0) {
        wrong.push_back(where + BrokerTag(family) + "> without a line \"" + BrokerTag(family) + " " + name + " " +
                        std::to_string(step.barrier) + ": reason\" in differences.txt");
      }
      if (ExpectedOfBroker(step, family) == ExpectedOfModel(step, family)) {
        wrong.push_back(where + BrokerTag(family) +
                        "> says what the model says: the difference is gone, take its line away");
      }
    }
    for (int barrier : open[name]) {
      wrong.push_back("differences.txt: " + BrokerTag(family) + " " + name + " " + std::to_string(barrier) +
                      ": the file has no such difference");
    }
    open.erase(name);
  }
  for (const auto& [name, barriers] : open) {
    if (!barriers.empty())
      wrong.push_back("differences.txt: " + BrokerTag(family) + " " + name + ": there is no such scenario");
  }
  return wrong;
}

}  // namespace millrace::scenarios
