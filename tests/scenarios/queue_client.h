// Clients of a queue broker below the drivers: each step is a method of AMQP, as bus/memory/queue_wire.h has it, and what the
// server says is told. So they can do what no driver would: acknowledge twice, publish to nobody, open a channel twice.
//
// Threading: one thread at a time.
#ifndef MILLRACE_TESTS_SCENARIOS_QUEUE_CLIENT_H_
#define MILLRACE_TESTS_SCENARIOS_QUEUE_CLIENT_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/memory/queue_wire.h"
#include "tests/conformance/world.h"
#include "tests/scenarios/scenario.h"

namespace millrace::scenarios {

class Actors;

// A queue as the broker calls it: "q", and "t:g:0" for that of a driver's topic and group. `name` gives a name of one part.
std::string QueueNameOf(const std::string& word, conformance::Harness& harness);

class QueueClients {
 public:
  absl::Status Open(const std::string& name, Actors& actors);
  absl::Status Drop(const std::string& name, MonotonicTime now);
  absl::Status Do(const Step& step, Actors& actors);
  // Takes in what the server has said.
  void Look(MonotonicTime now);
  void Clear() { clients_.clear(); }

 private:
  struct Channel {
    bool confirms = false;
    std::map<uint32_t, std::string> consumers;               // tag → the queue
    std::map<std::string, std::vector<uint64_t>> delivered;  // text → tags, as they came
    std::vector<std::string> published;                      // in order; tag - 1 where confirms are on
    std::set<size_t> unconfirmed;
    std::vector<std::string> declaring;  // queues whose answers are awaited
  };
  struct Client {
    std::string name;
    std::unique_ptr<conformance::WakeFlag> waker;
    std::unique_ptr<bus::QueueLink> link;
    std::map<uint32_t, Channel> channels;
    uint32_t next_consumer = 1;
    bool dropped = false;
  };

  absl::StatusOr<Client*> Find(const std::string& name);
  absl::Status Declare(const Step& step, Client& client, bus::Request& request, Actors& actors);
  absl::Status Publish(const Step& step, Client& client, bus::Request& request, Actors& actors);
  absl::Status Settle(const Step& step, Client& client, bus::Request& request, Actors& actors);
  absl::Status Rest(const Step& step, Client& client, bus::Request& request, Actors& actors);
  void Receive(Client& client, MonotonicTime now);
  void OnEvent(Client& client, bus::Event& event, MonotonicTime now);
  void OnConfirm(Client& client, const bus::Event& event);
  void OnDelivered(Client& client, const bus::Event& event);

  std::map<std::string, Client> clients_;
  Actors* actors_ = nullptr;
};

}  // namespace millrace::scenarios

#endif  // MILLRACE_TESTS_SCENARIOS_QUEUE_CLIENT_H_
