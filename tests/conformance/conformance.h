// The fixture of all conformance tests: a world of its own for each test, and the rule about tests that cannot apply.
#ifndef MILLRACE_TESTS_CONFORMANCE_CONFORMANCE_H_
#define MILLRACE_TESTS_CONFORMANCE_CONFORMANCE_H_

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/conformance/harness.h"
#include "tests/conformance/world.h"

// First in a test that needs something of the backend. Where it is missing the test must be in the backend's list of
// tests that do not apply.
#define CONFORMANCE_NEEDS(condition)                                                                           \
  if (!(condition)) {                                                                                          \
    const std::optional<std::string> reason = DeclaredReason();                                                \
    if (!reason)                                                                                               \
      FAIL() << "needs " #condition "; a test that does not apply is listed in " << GetParam().not_applicable; \
    GTEST_SKIP() << *reason;                                                                                   \
  }                                                                                                            \
  static_assert(true, "")

namespace millrace::conformance {

// Test name → reason. Fails the running test where the file is missing or a line is malformed.
std::map<std::string, std::string> ReadNotApplicable(const std::string& path);

class Conformance : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // "TestName" of the running test.
  static std::string TestName();
  std::optional<std::string> DeclaredReason() const;
  bool Has(Ability ability) { return world->harness().Has(ability); }
  const bus::Capabilities& capabilities() { return world->capabilities(); }

  // Joins, and runs until the group's partitions have been shared out: `partitions` holdings in all over the group's
  // members.
  Member& JoinAndWait(const std::string& group, const std::vector<std::string>& topics, size_t partitions);
  // Runs until every message sent is answered, and expects each to be confirmed.
  void ExpectConfirmed(Feeder& feeder);
  // Runs until the member has `count` deliveries; fails the test where it gets fewer or more.
  void ExpectGot(Member& member, size_t count);
  // How many partitions are held in all by living members of the world.
  size_t HeldInAll();

  std::unique_ptr<World> world;

 private:
  std::map<std::string, std::string> not_applicable_;
};

inline std::string NameOf(const ::testing::TestParamInfo<Backend>& info) { return info.param.name; }
inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_CONFORMANCE_H_
