// The smallest port with effects, for tests and for a pipeline of one stage: what is put is kept by key, once for each
// message id.
//
//   AddLedger(registry);      // port kind "ledger", and the stage kind "ledger.put", which puts each message it gets
//   stages::Ports ports;
//   ports.Add("ledger", std::make_unique<MemoryLedger>(&world));
//
// Threading: one thread; calls interleave where the world suspends them.
#ifndef MILLRACE_SIM_TESTING_LEDGER_PORT_H_
#define MILLRACE_SIM_TESTING_LEDGER_PORT_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "stages/port.h"
#include "stages/port_world.h"
#include "stages/registry.h"

namespace millrace::sim {

class LedgerPort : public stages::Port {
 public:
  // Keeps (id, value) under `key`, unless the id is known: then it does nothing and returns OK.
  // Errors: what the outside says; Unavailable for an outage.
  virtual absl::Status Put(std::string_view id, std::string_view key, std::string_view value) = 0;
};

class MemoryLedger final : public LedgerPort, public stages::PortState {
 public:
  struct Entry {
    std::string id, value;
    bool operator==(const Entry&) const = default;
    auto operator<=>(const Entry&) const = default;
  };

  // The world outlives it; nullptr: calls take no time and never fail.
  explicit MemoryLedger(stages::PortWorld* world) : world_(world) {}

  absl::Status Put(std::string_view id, std::string_view key, std::string_view value) override;
  // Key → how many entries, and a digest of them, whatever their order.
  void ForEachState(const std::function<void(std::string_view key, std::string_view state)>& callback) override;

  // By key, in the order of arrival.
  const std::map<std::string, std::vector<Entry>, std::less<>>& entries() const { return entries_; }

 private:
  stages::PortWorld* const world_;
  std::map<std::string, std::vector<Entry>, std::less<>> entries_;
  std::set<std::string, std::less<>> known_;  // ids
};

absl::Status AddLedger(stages::Registry& registry);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_TESTING_LEDGER_PORT_H_
