// What a step of a scenario can be. One table, from which the reader of files takes what it allows and docs/reference/scenarios.md
// its list.
#ifndef MILLRACE_TESTS_SCENARIOS_VERBS_H_
#define MILLRACE_TESTS_SCENARIOS_VERBS_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

enum class Kind : uint8_t {
  kBarrier,
  kDriver,    // through the clients that the drivers share
  kOperator,  // to the broker
  kLog,       // requests of a client of a log broker, below the drivers
  kQueue,     // the same of a queue broker
};

struct Verb {
  std::string_view name;
  Kind kind;
  std::string_view
      usage;  // words behind the verb: NAME for one, NAME… for one or more at the end, [name=VALUE] and [flag] options
  std::string_view says;
};

std::span<const Verb> Verbs();
// nullptr where there is none.
const Verb* FindVerb(std::string_view name);
// Sorts the words of a step into words and options, as the verb's usage has them. Errors: InvalidArgument with the usage.
absl::Status SortWords(const Verb& verb, const std::vector<std::string>& all, Step& step);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_VERBS_H_
