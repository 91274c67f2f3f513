// The store in the simulator: the real one over a database in memory, which all processes of a run share, with calls
// that take the world's time and can fail as the world says.
//
//   stages::PortConfig config;                                    // through PortKind "sqlite":
//   auto port = registry.FindPort("sqlite")->make_simulated(config, &world);
//
// It keeps what was written when its callers die, so Close does nothing. Threading: the simulator's one thread; calls
// interleave where the world suspends them, outside the transaction.
#ifndef MILLRACE_STAGES_PROPERTY_STORE_SIMULATED_H_
#define MILLRACE_STAGES_PROPERTY_STORE_SIMULATED_H_

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/port_world.h"
#include "stages/property/store_port.h"

namespace millrace::property {

class SimulatedStore final : public ListingStore, public stages::PortState {
 public:
  // The world outlives it.
  static absl::StatusOr<std::unique_ptr<SimulatedStore>> Make(stages::PortWorld* world);
  ~SimulatedStore() override;

  // One call of the world, and an effect for each row that was taken: its digest is that of the message.
  absl::Status Write(std::span<StoreRow> rows) override;
  StoreCounts counts() const override { return store_->counts(); }
  absl::Status ForEachReceipt(const std::function<void(const stages::Receipt&)>& callback) override {
    return store_->ForEachReceipt(callback);
  }
  absl::Status Close() override { return absl::OkStatus(); }

  // "listing SYSTEM/KEY" → the current version, how many older ones, and a digest over all columns of all;
  // "receipt ID" → whose it is. What tells of the order of arrival is left out: reasons of receipts, and alarms (of two
  // contents under one id the first is kept).
  void ForEachState(const std::function<void(std::string_view key, std::string_view state)>& callback) override;

 private:
  SimulatedStore(stages::PortWorld* world, std::unique_ptr<SqliteStore> store)
      : world_(world), store_(std::move(store)) {}

  stages::PortWorld* const world_;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_STORE_SIMULATED_H_
