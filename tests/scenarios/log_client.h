// Clients of a log broker below the drivers: each step is a request of Kafka's protocol, as bus/memory/log_wire.h has it, and
// what is answered is told. So they can do what no driver would: commit what is not theirs, under a generation that is over.
//
// Threading: one thread at a time.
#ifndef MILLRACE_TESTS_SCENARIOS_LOG_CLIENT_H_
#define MILLRACE_TESTS_SCENARIOS_LOG_CLIENT_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/memory/log_wire.h"
#include "tests/conformance/world.h"
#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

class Actors;

class LogClients {
 public:
  absl::Status Open(const std::string& name, Actors& actors);
  absl::Status Drop(const std::string& name, MonotonicTime now);
  absl::Status Do(const Step& step, Actors& actors);
  // Takes in what was answered.
  void Look(MonotonicTime now);
  void Clear() { clients_.clear(); }

 private:
  struct Asked {
    std::string verb;
    std::string about;
    std::vector<std::string> texts;
  };
  struct Client {
    std::string name;
    std::unique_ptr<conformance::WakeFlag> waker;
    std::unique_ptr<bus::LogLink> link;
    std::map<uint64_t, Asked> asked;  // by request; of Produce by its first token
    uint64_t next_id = 1;
    std::string member;
    std::string instance;
    std::string group;  // as in the scenario
    int32_t generation = -1;
    int32_t before = -1;  // the generation before
    bus::LogJoin join;    // as last sent
    uint64_t next_token = 1;
  };

  absl::StatusOr<Client*> Find(const std::string& name);
  absl::StatusOr<int32_t> TopicId(Client& client, const std::string& topic, Actors& actors);
  absl::StatusOr<bus::Partition> PlaceOf(Client& client, const std::string& word, Actors& actors);
  absl::Status Join(const Step& step, Client& client, Actors& actors);
  absl::Status Sync(const Step& step, Client& client, Actors& actors);
  absl::Status Produce(const Step& step, Client& client, Actors& actors);
  absl::Status Simple(const Step& step, Client& client, Actors& actors);
  // Who speaks, under which generation, as the options say.
  absl::Status Speaker(const Step& step, const Client& client, bus::LogRequest& request);
  void Send(Client& client, bus::LogRequest& request, Asked asked, MonotonicTime now);
  void SendJoin(Client& client, MonotonicTime now);
  void Receive(Client& client, MonotonicTime now);
  void OnReply(Client& client, bus::LogEvent& event, MonotonicTime now);
  void OnJoined(Client& client, const Asked& asked, const bus::LogEvent& event, MonotonicTime now);
  std::string PlaceName(bus::Partition partition) const;
  std::string NameOfMember(const std::string& id) const;

  std::map<std::string, Client> clients_;
  std::map<std::string, std::string> names_;  // by member id, also of members that were
  std::map<std::string, int32_t> topic_ids_;  // by the scenario's name
  std::vector<std::string> broker_names_;     // scratch of requests
  std::string group_name_;                    // scratch of requests
  Actors* actors_ = nullptr;
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_LOG_CLIENT_H_
