// Who acts in a scenario: members and feeders through the drivers, clients below them.
//
// Threading: those of one play are used by its thread.
#ifndef MILLRACE_TESTS_SCENARIOS_ACTORS_H_
#define MILLRACE_TESTS_SCENARIOS_ACTORS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/conformance/world.h"
#include "tests/scenarios/ground.h"
#include "tests/scenarios/log_client.h"
#include "tests/scenarios/queue_client.h"
#include "tests/scenarios/trace.h"

namespace millrace::scenarios {

// Tells the trace what a member is told.
class MemberWitness final : public bus::ConsumerHandler {
 public:
  MemberWitness(std::string name, std::vector<std::string> topics, Family family, Trace& trace)
      : name_(std::move(name)), topics_(std::move(topics)), family_(family), trace_(trace) {}

  void OnAssigned(std::span<const bus::Assignment> assignments) override;
  void OnRevoking(std::span<const bus::Holding> holdings, MonotonicTime deadline) override;
  void OnLost(std::span<const bus::Holding> holdings) override;
  void OnDelivered(const bus::DeliveryBatch& batch) override;
  void OnNoted(bus::Holding holding, const absl::Status& status) override;
  void OnTrouble(const absl::Status& status) override;

  std::string Label(bus::Partition partition) const;
  const std::vector<std::string>& topics() const { return topics_; }

 private:
  const std::string name_;
  const std::vector<std::string> topics_;
  const Family family_;
  Trace& trace_;
  absl::StatusCode last_trouble_ = absl::StatusCode::kOk;
};

struct MemberActor {
  conformance::Member* member = nullptr;
  std::unique_ptr<MemberWitness> witness;
};

struct FeederActor {
  conformance::Feeder* feeder = nullptr;
  std::vector<std::string> topics;
  std::map<std::string, std::vector<size_t>> open;  // by partition: what was sent and its answer not told yet
};

class Actors {
 public:
  Actors(const Scenario& scenario, Ground& ground);
  ~Actors();

  Ground& ground() { return ground_; }
  conformance::World& world() { return *world_; }
  Trace& trace() { return trace_; }

  // Takes in what clients below the drivers and feeders were told.
  void Look();
  // Runs and looks until `done` or for `limit`.
  bool RunUntil(const std::function<bool()>& done, Duration limit);

  // One step, but for barriers. Errors: what cannot be done, for people.
  absl::Status Do(const Step& step);

 private:
  // driver_steps.cc
  absl::Status DoDriver(const Step& step);
  absl::Status DoTopic(const Step& step);
  absl::Status DoFeeder(const Step& step);
  absl::Status DoPublish(const Step& step);
  absl::Status DoJoin(const Step& step);
  absl::Status DoLag(const Step& step);
  absl::Status DoOfMember(const Step& step, MemberActor& actor);
  absl::Status DoWithHolding(const Step& step, MemberActor& actor);
  void Finish(const Step& step, MemberActor& actor, const std::string& text);
  void LookAtFeeders();
  // operator_steps.cc
  absl::Status DoOperator(const Step& step);

  Ground& ground_;
  Trace trace_;
  std::unique_ptr<conformance::World> world_;
  std::map<std::string, MemberActor> members_;
  std::map<std::string, FeederActor> feeders_;
  LogClients log_clients_;
  QueueClients queue_clients_;
  friend class Play;
};

// "t/3" → {"t", 3}. Errors: InvalidArgument.
struct PlaceName {
  std::string topic;
  int32_t partition = 0;
};
absl::StatusOr<PlaceName> ParsePlace(const std::string& word);
// "500ms", "3s".
absl::StatusOr<Duration> ParseTime(const std::string& word);
absl::StatusOr<int64_t> ParseNumber(const std::string& word);
// "m0..m9" → m0 … m9; other words stay.
std::vector<std::string> Texts(const std::vector<std::string>& words, size_t from);
std::string CodeName(const absl::Status& status);

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_ACTORS_H_
