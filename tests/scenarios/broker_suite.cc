#include "tests/scenarios/broker_suite.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "gtest/gtest.h"

namespace millrace::scenarios {
namespace {

constexpr size_t kBeside = 12;    // scenarios at a time
constexpr size_t kOwnBeside = 2;  // brokers of their own at a time

// What a play lets be said of it.
std::string Judge(const Scenario& scenario, Family family, const Outcome& outcome) {
  std::string wrong;
  for (const Step& step : scenario.steps) {
    const auto told = outcome.told.find(step.barrier);
    if (step.barrier == 0 || told == outcome.told.end()) continue;
    const std::string difference = Difference(ExpectedOfBroker(step, family), told->second);
    if (difference.empty()) continue;
    wrong += scenario.path + ":" + std::to_string(step.line) + ", barrier " + std::to_string(step.barrier) + ":\n" +
             difference;
    if (step.told.count(BrokerTag(family)) == 1) {
      wrong +=
          "  The " + BrokerTag(family) + "> lines there, and their reason in differences.txt, are not true any more.\n";
    }
  }
  if (!outcome.error.empty()) {
    wrong += outcome.error + "\n";
    const auto left = outcome.told.find(0);
    for (const std::string& line : left == outcome.told.end() ? Told() : left->second)
      wrong += "  told until then: " + line + "\n";
  }
  return wrong;
}

class Pool {
 public:
  Pool(const BrokerKind& kind, const std::vector<std::string>& names) : kind_(kind) {
    for (const std::string& name : names) {
      auto scenario = ReadScenario(name);
      if (!scenario.ok()) {
        results_[name] = std::string(scenario.status().message());
      } else {
        (scenario->steps.front().verb == "own-broker" ? own_ : shared_).push_back(*std::move(scenario));
      }
    }
  }

  std::map<std::string, std::string> Run() {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < std::min(kOwnBeside, own_.size()); ++t) threads.emplace_back([this] { RunOwn(); });
    for (size_t t = 0; t < std::min(kBeside, shared_.size()); ++t) {
      threads.emplace_back([this] {
        for (size_t i = next_++; i < shared_.size(); i = next_++) Play(shared_[i], kind_.url, nullptr);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return results_;
  }

 private:
  void RunOwn() {
    const auto own = OwnBroker::Start(BrokerTag(kind_.family));
    for (size_t i = next_own_++; i < own_.size(); i = next_own_++) {
      const Scenario& scenario = own_[i];
      if (own.ok()) {
        Play(scenario, (*own)->url(), own->get());
      } else {
        Note(scenario, "no broker of its own: " + std::string(own.status().message()));
      }
    }
  }

  void Play(const Scenario& scenario, const std::string& url, OwnBroker* own) {
    const auto begin = std::chrono::steady_clock::now();
    const std::unique_ptr<Ground> ground = kind_.make(url, own);
    const Outcome outcome = PlayScenario(scenario, *ground);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%6.1f s  %s\n", took.count(), scenario.Name().c_str());
    std::fflush(stdout);
    Note(scenario, Judge(scenario, kind_.family, outcome));
  }

  void Note(const Scenario& scenario, const std::string& result) {
    std::lock_guard<std::mutex> lock(mutex_);
    results_[scenario.Name()] = result;
  }

  const BrokerKind& kind_;
  std::vector<Scenario> shared_, own_;
  std::atomic<size_t> next_{0}, next_own_{0};
  std::mutex mutex_;
  std::map<std::string, std::string> results_;
};

}  // namespace

std::string UrlFromEnvironment(const char* variable, const std::string& start, const std::string& test) {
  const char* url = std::getenv(variable);
  if (url != nullptr && *url != '\0') return url;
  std::fprintf(stderr,
               "This test needs a broker. Start one: %s; then run the test with the URL that it prints:\n"
               "  bazel test --test_env=%s=URL %s\n",
               start.c_str(), variable, test.c_str());
  std::exit(1);
}

std::map<std::string, std::string> PlayOnBroker(const BrokerKind& kind, const std::vector<std::string>& names) {
  return Pool(kind, names).Run();
}

std::string CaseName(const std::string& scenario) {
  std::string name = scenario;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

std::vector<std::string> NamesToRun(const std::string& suite, const std::vector<std::string>& names) {
  std::set<std::string> cases;
  const ::testing::UnitTest& unit = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < unit.total_test_suite_count(); ++i) {
    const ::testing::TestSuite& of = *unit.GetTestSuite(i);
    if (of.name() != suite) continue;
    for (int j = 0; j < of.total_test_count(); ++j) {
      const std::string name = of.GetTestInfo(j)->name();
      if (of.GetTestInfo(j)->should_run()) cases.insert(name.substr(name.find('/') + 1));
    }
  }
  std::vector<std::string> run;
  for (const std::string& name : names) {
    if (cases.count(CaseName(name)) == 1) run.push_back(name);
  }
  return run;
}

}  // namespace millrace::scenarios
