// All calls of stages in a run, in the order in which they ended, with what they gave and did: of two runs that should be
// equal it names the first call that was not.
//
//   CallLog first, second;
//   … Logged(name, std::move(stage), &first) …        // for each stage of a run
//   if (const auto difference = FirstDifference(first, second)) Print(difference->stage, difference->input);
//
// Threading: one thread for a log. Ownership: the log outlives the stages.
#ifndef MILLRACE_SIM_GUARD_CALL_LOG_H_
#define MILLRACE_SIM_GUARD_CALL_LOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/stage.h"

namespace millrace::sim {

struct LoggedCall {
  std::string stage;
  std::string input;  // id of the message
  uint64_t attempt = 1;
  // What it was, and its value: "the effect on port store" first, then "its status", "the body of output 0 to priced", …
  std::vector<std::pair<std::string, std::string>> parts;
  bool operator==(const LoggedCall&) const = default;
};

struct CallLog {
  std::vector<LoggedCall> calls;

  // For another process.
  std::string ToBytes() const;
  // nullopt where these are none.
  static std::optional<CallLog> FromBytes(std::string_view bytes);
};

// The stage, whose calls are logged. What it throws passes.
std::unique_ptr<stages::Stage> Logged(std::string name, std::unique_ptr<stages::Stage> stage, CallLog* log);
std::unique_ptr<stages::BatchStage> Logged(std::string name, std::unique_ptr<stages::BatchStage> stage, CallLog* log);

struct CallDifference {
  std::string stage;
  std::string input;
  std::string what, first, second;
};
// nullopt where the logs are equal.
std::optional<CallDifference> FirstDifference(const CallLog& first, const CallLog& second);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_CALL_LOG_H_
