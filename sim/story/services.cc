#include "sim/story/services.h"

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sim/testing/ledger_port.h"
#include "stages/port_world.h"

namespace millrace::sim {
namespace {

// What the second service asks; only takes its time.
class Prices final : public stages::Port {
 public:
  explicit Prices(stages::PortWorld* world) : world_(world) {}
  absl::Status Ask() {
    if (world_ == nullptr) return absl::OkStatus();
    if (absl::Status entered = world_->Enter("ask"); !entered.ok()) return entered;
    return world_->Leave();
  }

 private:
  stages::PortWorld* const world_;
};

class Clean final : public stages::Stage {
 public:
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    return outputs.Emit({.body = message.body});
  }
};

class Price final : public stages::Stage {
 public:
  explicit Price(Prices* prices) : prices_(prices) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    if (absl::Status asked = prices_->Ask(); !asked.ok()) return asked;
    return outputs.Emit({.body = message.body});
  }

 private:
  Prices* const prices_;
};

class Chain final : public stages::Stage {
 public:
  Chain(Prices* prices, LedgerPort* ledger) : prices_(prices), ledger_(ledger) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs&) override {
    if (absl::Status asked = prices_->Ask(); !asked.ok()) return asked;
    return ledger_->Put(context.id(), message.key.value_or(""), message.body.value_or(""));
  }

 private:
  Prices* const prices_;
  LedgerPort* const ledger_;
};

template <class P>
absl::StatusOr<P*> PortOf(const stages::StageConfig& config, const char* name) {
  P* const port = config.ports == nullptr ? nullptr : config.ports->Find<P>(name);
  if (port == nullptr) return absl::InvalidArgumentError("stage " + config.name + " needs the port " + name);
  return port;
}

absl::StatusOr<std::unique_ptr<stages::Stage>> MakePrice(const stages::StageConfig& config) {
  const absl::StatusOr<Prices*> prices = PortOf<Prices>(config, "prices");
  if (!prices.ok()) return prices.status();
  return std::make_unique<Price>(*prices);
}

absl::StatusOr<std::unique_ptr<stages::Stage>> MakeChain(const stages::StageConfig& config) {
  const absl::StatusOr<Prices*> prices = PortOf<Prices>(config, "prices");
  if (!prices.ok()) return prices.status();
  const absl::StatusOr<LedgerPort*> ledger = PortOf<LedgerPort>(config, "ledger");
  if (!ledger.ok()) return ledger.status();
  return std::make_unique<Chain>(*prices, *ledger);
}

}  // namespace

absl::Status RegisterServices(stages::Registry& registry) {
  absl::Status added = AddLedger(registry);
  added.Update(registry.AddPort(
      {.kind = "story.prices",
       .summary = "takes its time",
       .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
         return std::make_unique<Prices>(nullptr);
       },
       .make_simulated = [](const stages::PortConfig&, stages::PortWorld* world)
           -> absl::StatusOr<std::unique_ptr<stages::Port>> { return std::make_unique<Prices>(world); }}));
  added.Update(
      registry.AddStage({.kind = "story.clean",
                         .summary = "the first service",
                         .make = [](const stages::StageConfig&) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
                           return std::make_unique<Clean>();
                         }}));
  added.Update(registry.AddStage(
      {.kind = "story.price", .summary = "the second service", .ports = {"prices"}, .make = MakePrice}));
  added.Update(registry.AddStage({.kind = "story.chain",
                                  .summary = "all three services, one calling the next",
                                  .ports = {"prices", "ledger"},
                                  .sink = true,
                                  .make = MakeChain}));
  return added;
}

}  // namespace millrace::sim
