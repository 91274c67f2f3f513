#include "sim/testing/oracle_check.h"

#include <algorithm>
#include <vector>

#include "bus/digest.h"
#include "sim/history.h"
#include "sim/oracle.h"

namespace millrace::sim {
namespace {

// Ids of what became a dead letter, as checkers know them.
std::vector<bus::Digest128> DeadIds(const History& history) {
  std::vector<bus::Digest128> ids;
  for (const MessageInfo& info : history.messages) {
    if (info.role == MessageRole::kDeadLetter && info.of < history.messages.size())
      ids.push_back(history.messages[info.of].id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<uint32_t> JobIds(const History& history) {
  std::vector<uint32_t> ids;
  for (const JobInfo& job : history.jobs) ids.push_back(job.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string Line(const std::vector<SinkEntry>& entries, size_t index) {
  if (index >= entries.size()) return "nothing";
  return entries[index].place + " '" + entries[index].key + "': " + entries[index].state;
}

}  // namespace

OracleCheck CheckOracle(const Subject& subject, Simulator& simulator, const Plan& plan,
                        std::span<const uint32_t> left_out) {
  OracleCheck check;
  Oracle oracle(subject, simulator.options());
  const absl::StatusOr<History> expected = oracle.Run(plan, left_out);
  check.carried = expected.ok();
  if (!check.carried) {
    check.text = std::string(expected.status().message());
    return check;
  }
  const History real = simulator.WithoutFaults(plan, left_out);
  const std::vector<bus::Digest128> dead = DeadIds(real);
  check.lines = real.final_state.size();
  check.dead_letters = dead.size();
  for (size_t i = 0; i < std::max(real.final_state.size(), expected->final_state.size()); ++i) {
    if (i < real.final_state.size() && i < expected->final_state.size() &&
        real.final_state[i] == expected->final_state[i]) {
      continue;
    }
    check.text = "the run leaves " + Line(real.final_state, i) + "; the oracle " + Line(expected->final_state, i);
    return check;
  }
  if (dead != DeadIds(*expected)) {
    check.text = "the run makes " + std::to_string(dead.size()) + " dead letters, the oracle " +
                 std::to_string(DeadIds(*expected).size()) + ", or others";
    return check;
  }
  if (JobIds(real) != JobIds(*expected)) {
    check.text = "they were given other jobs";
    return check;
  }
  check.same = true;
  return check;
}

}  // namespace millrace::sim
