#include "sim/testing/ledger_port.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "bus/digest.h"

namespace millrace::sim {
namespace {

constexpr std::string_view kPortName = "ledger";

class PutStage final : public stages::Stage {
 public:
  explicit PutStage(LedgerPort* ledger) : ledger_(ledger) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs&) override {
    return ledger_->Put(context.id(), message.key.value_or(""), message.body.value_or(""));
  }

 private:
  LedgerPort* const ledger_;
};

absl::StatusOr<std::unique_ptr<stages::Stage>> MakePutStage(const stages::StageConfig& config) {
  LedgerPort* ledger = config.ports == nullptr ? nullptr : config.ports->Find<LedgerPort>(kPortName);
  if (ledger == nullptr) {
    return absl::InvalidArgumentError("stage " + config.name + " needs a port named \"" + std::string(kPortName) +
                                      "\" of the kind ledger");
  }
  return std::unique_ptr<stages::Stage>(std::make_unique<PutStage>(ledger));
}

}  // namespace

absl::Status MemoryLedger::Put(std::string_view id, std::string_view key, std::string_view value) {
  if (world_ != nullptr) {
    if (absl::Status entered = world_->Enter("put"); !entered.ok()) return entered;
  }
  const bool is_new = known_.find(id) == known_.end();
  if (is_new) {
    known_.emplace(id);
    entries_[std::string(key)].push_back({std::string(id), std::string(value)});
  }
  if (world_ == nullptr) return absl::OkStatus();
  world_->Effect({.id = id, .digest = bus::Digest64(value, bus::Digest64(key)), .repeat = !is_new, .ends = true});
  return world_->Leave();
}

void MemoryLedger::ForEachState(const std::function<void(std::string_view, std::string_view)>& callback) {
  for (const auto& [key, entries] : entries_) {
    std::vector<Entry> sorted = entries;
    std::sort(sorted.begin(), sorted.end());
    uint64_t digest = 0;
    for (const Entry& entry : sorted) digest = bus::Digest64(entry.value, bus::Digest64(entry.id, digest));
    std::string state = std::to_string(sorted.size()) + " entries, all ";
    char hex[16];
    bus::WriteHex(digest, hex);
    callback(key, state.append(hex, sizeof(hex)));
  }
}

absl::Status AddLedger(stages::Registry& registry) {
  absl::Status added = registry.AddPort(
      {.kind = "ledger",
       .summary = "what is put, by key, in memory",
       .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
         return std::make_unique<MemoryLedger>(nullptr);
       },
       .make_simulated = [](const stages::PortConfig&, stages::PortWorld* world)
           -> absl::StatusOr<std::unique_ptr<stages::Port>> { return std::make_unique<MemoryLedger>(world); }});
  if (!added.ok()) return added;
  return registry.AddStage({.kind = "ledger.put",
                            .summary = "puts each message into the port ledger",
                            .ports = {std::string(kPortName)},
                            .sink = true,
                            .make = MakePutStage});
}

}  // namespace millrace::sim
