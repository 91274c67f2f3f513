// Asks the instances of a group in other processes how much they have in hand: the server tells nobody. It introduces
// itself on the group's presence exchange as one more instance, which wants nothing; each of the others answers a
// newcomer with a beat, and a beat says what its sender has in hand.
//
// Threading: one thread at a time. Blocking: Ask, up to its deadline; an instance answers when it is polled. Ownership:
// the clock outlives it.
#ifndef MILLRACE_BUS_RABBITMQ_HANDS_READER_H_
#define MILLRACE_BUS_RABBITMQ_HANDS_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bus/memory/presence.h"
#include "bus/memory/queue_session.h"
#include "bus/rabbitmq/amqp_link.h"
#include "bus/rabbitmq/waiting.h"

namespace millrace::bus {

class HandsReader : private QueueSession::Host {
 public:
  // `group` as on the server. `self` must differ from all names in it; instances whose names end in `ours` are not
  // counted.
  HandsReader(const AmqpOptions& options, const Clock& clock, const std::string& group, std::string self,
              std::string ours);

  // How many messages of each partition of `topic` are in the hands of others, at a moment after the call began.
  // `consumers` of each partition are looked for. Unavailable where not all of them have answered by `deadline`.
  absl::StatusOr<std::vector<uint64_t>> Ask(const std::string& topic, const std::vector<uint32_t>& consumers,
                                            MonotonicTime deadline);

 private:
  using Age = std::pair<uint64_t, uint64_t>;  // incarnation and number of a beat

  void OnUp() override;
  void OnDown(const std::string& why) override;
  void OnEvent(Event& event) override;
  void Poll();
  void Introduce(bool leaving);
  bool Covered(const std::string& topic, const std::vector<uint32_t>& consumers) const;

  const Clock& clock_;
  const std::string exchange_;
  const std::string self_;
  const std::string ours_;
  WaitingWaker waker_;
  AmqpLink* link_ = nullptr;  // the session's
  QueueSession session_;
  bool listening_ = false;
  uint64_t incarnation_;
  bool echoed_ = false;                // our introduction has come back: what follows was said after it
  std::map<std::string, Age> before_;  // what each had said in the round before
  std::map<std::string, Beat> beats_;  // of this round
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_RABBITMQ_HANDS_READER_H_
