#include "tests/conformance/conformance.h"

#include <fstream>
#include <set>
#include <utility>

namespace millrace::conformance {

std::map<std::string, std::string> ReadNotApplicable(const std::string& path) {
  std::map<std::string, std::string> tests;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path << ": cannot be read; is it in the test's data?";
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(": ");
    EXPECT_TRUE(colon != std::string::npos && colon + 2 < line.size())
        << path << ":" << number << ": want \"TestName: reason\", got \"" << line << "\"";
    if (colon == std::string::npos) continue;
    EXPECT_TRUE(tests.emplace(line.substr(0, colon), line.substr(colon + 2)).second)
        << path << ":" << number << ": listed twice";
  }
  return tests;
}

void Conformance::SetUp() {
  not_applicable_ = ReadNotApplicable(GetParam().not_applicable);
  world = std::make_unique<World>(GetParam().make());
}

void Conformance::TearDown() {
  if (not_applicable_.count(TestName()) == 1 && !IsSkipped()) {
    ADD_FAILURE() << TestName() << " ran, though " << GetParam().not_applicable << " says that it does not apply";
  }
}

std::string Conformance::TestName() {
  const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  return name.substr(0, name.find('/'));
}

std::optional<std::string> Conformance::DeclaredReason() const {
  auto at = not_applicable_.find(TestName());
  if (at == not_applicable_.end()) return std::nullopt;
  return at->second;
}

size_t Conformance::HeldInAll() {
  size_t held = 0;
  for (const auto& member : world->members()) held += member->alive() ? member->consumer->held() : 0;
  return held;
}

Member& Conformance::JoinAndWait(const std::string& group, const std::vector<std::string>& topics, size_t partitions) {
  Member& member = world->Join(group, topics);
  EXPECT_TRUE(world->RunUntil([&] { return HeldInAll() == partitions; }))
      << HeldInAll() << " partitions are held, not " << partitions;
  return member;
}

void Conformance::ExpectConfirmed(Feeder& feeder) {
  EXPECT_TRUE(world->RunUntil([&] { return feeder.AllAnswered(); }))
      << feeder.answered << " of " << feeder.sent.size() << " publishes were answered, " << feeder.taken << " taken";
  for (const Feeder::Sent& sent : feeder.sent) {
    if (sent.answer.has_value() && !sent.answer->ok()) {
      ADD_FAILURE() << "a publish was answered " << *sent.answer;
      return;
    }
  }
}

void Conformance::ExpectGot(Member& member, size_t count) {
  EXPECT_TRUE(world->RunUntil([&] { return member.got.size() >= count; }))
      << member.instance() << " got " << member.got.size() << " messages of " << count;
  EXPECT_EQ(member.got.size(), count) << member.instance();
}

// The list of a backend names tests that exist.
TEST_P(Conformance, NotApplicableListNamesTests) {
  std::set<std::string> names;
  const ::testing::UnitTest& unit = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < unit.total_test_suite_count(); ++i) {
    const ::testing::TestSuite& suite = *unit.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const std::string name = suite.GetTestInfo(j)->name();
      names.insert(name.substr(0, name.find('/')));
    }
  }
  for (const auto& [test, reason] : ReadNotApplicable(GetParam().not_applicable)) {
    EXPECT_EQ(names.count(test), 1u) << GetParam().not_applicable << " names " << test << ", which is no test";
  }
}

}  // namespace millrace::conformance
