// Steps of an operator, and of the network.
#include <utility>

#include "tests/scenarios/actors.h"

namespace millrace::scenarios {
namespace {

absl::Status Needs(conformance::World& world, conformance::Ability ability) {
  return world.harness().Has(ability) ? absl::OkStatus() : NotHere();
}

}  // namespace

absl::Status Actors::DoOperator(const Step& step) {
  using conformance::Ability;
  conformance::Harness& harness = world_->harness();
  const auto place = [&]() -> absl::StatusOr<PlaceName> { return ParsePlace(step.words[0]); };
  if (step.verb == "own-broker") return absl::OkStatus();
  if (step.verb == "client") {
    return ground_.family() == Family::kLog ? log_clients_.Open(step.words[0], *this)
                                            : queue_clients_.Open(step.words[0], *this);
  }
  if (step.verb == "drop") {
    return ground_.family() == Family::kLog ? log_clients_.Drop(step.words[0], world_->Now())
                                            : queue_clients_.Drop(step.words[0], world_->Now());
  }
  if (step.verb == "stop-broker") return ground_.StopBroker(step.options.count("kill") == 1);
  if (step.verb == "start-broker") return ground_.StartBroker();
  if (step.verb == "expel") return ground_.Expel(harness.Name(step.words[0]));
  if (step.verb == "alarm") {
    if (step.words[0] != "on" && step.words[0] != "off") return absl::InvalidArgumentError("alarm is on or off");
    return ground_.Alarm(step.words[0] == "on");
  }
  if (step.verb == "delete-group") {
    auto answer = ground_.DeleteGroup(harness.Name(step.words[0]));
    if (!answer.ok()) return answer.status();
    trace_.Add("broker", step.words[0], "deleted", *answer);
    return absl::OkStatus();
  }
  if (step.verb == "expire") {
    if (absl::Status s = Needs(*world_, Ability::kExpireSession); !s.ok()) return s;
    const auto member = members_.find(step.words[0]);
    if (member == members_.end()) return absl::InvalidArgumentError("there is no member \"" + step.words[0] + "\"");
    member->second.member->frozen = true;
    harness.ExpireSession(member->second.member->instance());
    return absl::OkStatus();
  }
  if (step.verb == "cut" || step.verb == "mend") {
    if (ground_.family() != Family::kQueue) return NotHere();
    step.verb == "cut" ? harness.StopBroker() : harness.StartBroker();
    return absl::OkStatus();
  }
  if (step.verb == "block" || step.verb == "unblock") {
    if (absl::Status s = Needs(*world_, Ability::kBlockPublishing); !s.ok()) return s;
    harness.BlockPublishing(step.verb == "block");
    return absl::OkStatus();
  }
  const auto at = place();
  if (!at.ok()) return at.status();
  if (step.verb == "destroy") {
    harness.Destroy(at->topic, at->partition);
    return absl::OkStatus();
  }
  if (step.verb == "gap") {
    if (absl::Status s = Needs(*world_, Ability::kGap); !s.ok()) return s;
    harness.MakeGap(at->topic, at->partition);
    return absl::OkStatus();
  }
  const auto before = ParseNumber(step.words[1]);  // retention
  if (!before.ok()) return before.status();
  return ground_.Retention(harness.Name(at->topic), at->partition, *before);
}

}  // namespace millrace::scenarios
