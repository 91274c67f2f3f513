#include "tests/scenarios/actors.h"

#include <utility>

#include "tests/scenarios/verbs.h"

namespace millrace::scenarios {

using bus::Holding;
using bus::Partition;

std::string MemberWitness::Label(Partition partition) const {
  return topics_.at(static_cast<size_t>(partition.topic)) + "/" + std::to_string(partition.number);
}

void MemberWitness::OnAssigned(std::span<const bus::Assignment> assignments) {
  for (const bus::Assignment& a : assignments) {
    std::string what = "assigned";
    if (family_ == Family::kLog && a.start > 0) what += " from " + std::to_string(a.start);
    if (!a.note.empty()) what += " with note " + a.note;
    trace_.Add(name_, Label(a.holding.partition), what);
  }
}

void MemberWitness::OnRevoking(std::span<const Holding> holdings, MonotonicTime) {
  for (const Holding& holding : holdings) trace_.Add(name_, Label(holding.partition), "revoking");
}

void MemberWitness::OnLost(std::span<const Holding> holdings) {
  for (const Holding& holding : holdings) trace_.Add(name_, Label(holding.partition), "lost");
}

void MemberWitness::OnDelivered(const bus::DeliveryBatch& batch) {
  for (const bus::Delivery& delivery : batch.deliveries) {
    std::string item(delivery.message.body.value_or("(null)"));
    if (delivery.redeliveries > 0) item += "(" + std::to_string(delivery.redeliveries) + ")";
    trace_.Add(name_, Label(batch.holding.partition), "got", item);
  }
}

void MemberWitness::OnNoted(Holding holding, const absl::Status& status) {
  trace_.Add(name_, Label(holding.partition), "noted", CodeName(status));
}

// A trouble that goes on may be told again; how often is nothing to compare.
void MemberWitness::OnTrouble(const absl::Status& status) {
  if (status.code() == last_trouble_ && !absl::IsDataLoss(status)) return;
  last_trouble_ = status.code();
  trace_.Add(name_, "", status.ok() ? "well again" : "trouble " + CodeName(status));
}

Actors::Actors(const Scenario& scenario, Ground& ground)
    : ground_(ground), world_(std::make_unique<conformance::World>(ground.MakeHarness(scenario))) {}

// Clients and members' witnesses go after the world: its consumers tell them until then, and links below the drivers use the
// model that the world has.
Actors::~Actors() {
  log_clients_.Clear();
  queue_clients_.Clear();
  world_.reset();
}

void Actors::Look() {
  LookAtFeeders();
  log_clients_.Look(world_->Now());
  queue_clients_.Look(world_->Now());
  // On a queue taking a partition is only asking for it, and who is new asks before all others have been heard
  // (bus/memory/queue_consumer.h).
  if (ground_.family() == Family::kQueue) trace_.Forget("assigned", "revoking");
}

bool Actors::RunUntil(const std::function<bool()>& done, Duration limit) {
  return world_->RunUntil(
      [&] {
        Look();
        return done();
      },
      limit);
}

absl::Status Actors::Do(const Step& step) {
  switch (FindVerb(step.verb)->kind) {
    case Kind::kBarrier:
      break;
    case Kind::kDriver:
      return DoDriver(step);
    case Kind::kOperator:
      return DoOperator(step);
    case Kind::kLog:
      return log_clients_.Do(step, *this);
    case Kind::kQueue:
      return queue_clients_.Do(step, *this);
  }
  return absl::OkStatus();
}

}  // namespace millrace::scenarios
