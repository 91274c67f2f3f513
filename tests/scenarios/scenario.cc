#include "tests/scenarios/scenario.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "tests/scenarios/verbs.h"

namespace millrace::scenarios {
namespace {

constexpr const char* kNothing = "nothing";

absl::Status Wrong(const std::string& path, int line, const std::string& what) {
  return absl::InvalidArgumentError(path + ":" + std::to_string(line) + ": " + what);
}

// "log> text" → {"log", "text"}; false where the line tells nothing.
bool SplitTold(const std::string& line, std::string& tag, std::string& text) {
  const size_t end = line.find('>');
  if (end == std::string::npos || line.find_first_of(" \t#") < end) return false;
  tag = line.substr(0, end);
  text = line.substr(end + 1);
  text.erase(0, text.find_first_not_of(' '));
  return true;
}

absl::Status TakeTold(const Scenario& scenario, int number, const std::string& tag, const std::string& text,
                      Step& barrier) {
  const bool log = tag == "log" || tag == "kafka", queue = tag == "queue" || tag == "rabbitmq";
  if (!log && !queue && !tag.empty()) {
    return Wrong(scenario.path, number,
                 "\"" + tag + ">\": what is told begins with >, log>, queue>, kafka> or rabbitmq>");
  }
  if ((log && !scenario.log) || (queue && !scenario.queue)) {
    return Wrong(scenario.path, number, "\"" + tag + ">\": this file is not for that kind of broker");
  }
  if (text.empty()) {
    return Wrong(scenario.path, number,
                 "\"" + tag + ">\" without words; where nothing is told write " + tag + "> nothing");
  }
  Told& told = barrier.told[tag];
  if (text != kNothing) told.push_back(text);
  return absl::OkStatus();
}

const Told& Find(const Step& barrier, const std::string& tag) {
  static const Told none;
  const auto at = barrier.told.find(tag);
  return at == barrier.told.end() ? none : at->second;
}

void Print(const std::string& tag, const Told& told, bool even_nothing, std::string& out) {
  for (const std::string& line : told) out += tag + "> " + line + "\n";
  if (told.empty() && even_nothing) out += tag + "> " + kNothing + "\n";
}

}  // namespace

std::string ModelTag(Family family) { return family == Family::kLog ? "log" : "queue"; }
std::string BrokerTag(Family family) { return family == Family::kLog ? "kafka" : "rabbitmq"; }

std::string Scenario::Name() const {
  const size_t file = path.rfind('/');
  const size_t folder = file == std::string::npos || file == 0 ? std::string::npos : path.rfind('/', file - 1);
  const size_t begin = folder == std::string::npos ? 0 : folder + 1;
  return path.substr(begin, path.rfind('.') - begin);
}

absl::StatusOr<Scenario> ParseScenario(const std::string& path, const std::string& text) {
  Scenario scenario;
  scenario.path = path;
  const auto in = [&](const std::string& folder) { return path.find("/" + folder + "/") != std::string::npos; };
  scenario.log = in("log") || in("both");
  scenario.queue = in("queue") || in("both");
  if (!scenario.log && !scenario.queue) return Wrong(path, 1, "not in a folder log, queue or both");
  std::istringstream lines(text);
  std::string line, tag, told;
  int barriers = 0;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (SplitTold(line, tag, told)) {
      if (scenario.steps.empty() || scenario.steps.back().barrier == 0) {
        return Wrong(path, number, "told lines stand behind a barrier: sync or quiet");
      }
      if (absl::Status s = TakeTold(scenario, number, tag, told, scenario.steps.back()); !s.ok()) return s;
      continue;
    }
    scenario.lines.push_back(line);
    if (line.empty() || line[0] == '#') continue;
    std::istringstream stream(line);
    Step step{.line = number};
    stream >> step.verb;
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    const Verb* verb = FindVerb(step.verb);
    if (verb == nullptr) {
      std::string known;
      for (const Verb& v : Verbs()) known += (known.empty() ? "" : ", ") + std::string(v.name);
      return Wrong(path, number, "there is no step \"" + step.verb + "\". Steps: " + known);
    }
    if ((verb->kind == Kind::kLog && !scenario.log) || (verb->kind == Kind::kQueue && !scenario.queue) ||
        ((verb->kind == Kind::kLog || verb->kind == Kind::kQueue) && scenario.log && scenario.queue)) {
      return Wrong(path, number,
                   "\"" + step.verb + "\" is for files of the folder " + (verb->kind == Kind::kLog ? "log" : "queue"));
    }
    if (absl::Status s = SortWords(*verb, words, step); !s.ok()) return Wrong(path, number, std::string(s.message()));
    if (verb->kind == Kind::kBarrier) step.barrier = ++barriers;
    scenario.steps.push_back(std::move(step));
  }
  if (scenario.steps.empty() || scenario.steps.back().barrier == 0) {
    return Wrong(path, static_cast<int>(scenario.lines.size()), "the last step is a barrier: sync or quiet");
  }
  return scenario;
}

const Told& ExpectedOfModel(const Step& barrier, Family family) {
  return Find(barrier, barrier.told.count(ModelTag(family)) == 1 ? ModelTag(family) : "");
}

const Told& ExpectedOfBroker(const Step& barrier, Family family) {
  if (barrier.told.count(BrokerTag(family)) == 1) return Find(barrier, BrokerTag(family));
  return ExpectedOfModel(barrier, family);
}

std::string WithTold(const Scenario& scenario, const std::map<Family, std::map<int, Told>>& told) {
  std::string out;
  int barrier = 0;
  for (const std::string& line : scenario.lines) {
    out += line + "\n";
    std::istringstream stream(line);
    std::string verb;
    stream >> verb;
    const Verb* found = line.empty() || line[0] == '#' ? nullptr : FindVerb(verb);
    if (found == nullptr || found->kind != Kind::kBarrier) continue;
    ++barrier;
    const auto at = std::find_if(scenario.steps.begin(), scenario.steps.end(),
                                 [&](const Step& step) { return step.barrier == barrier; });
    std::map<Family, Told> now;
    for (const auto& [family, by_barrier] : told) {
      const auto found_told = by_barrier.find(barrier);
      now[family] = found_told == by_barrier.end() ? Told() : found_told->second;
    }
    const bool differ = now.size() == 2 && now.begin()->second != now.rbegin()->second;
    for (const auto& [family, words] : now) {
      Print(differ ? ModelTag(family) : "", words, differ, out);
      if (!differ) break;
    }
    for (Family family : {Family::kLog, Family::kQueue}) {
      if (at->told.count(BrokerTag(family)) == 1) Print(BrokerTag(family), at->told.at(BrokerTag(family)), true, out);
    }
  }
  return out;
}

}  // namespace millrace::scenarios
