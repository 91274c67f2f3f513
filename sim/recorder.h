// Writes a history: interns messages, keeps the hashes, counts broker events.
//
// Threading: one thread. Ownership: the recorder owns the history until Take.
#ifndef MILLRACE_SIM_RECORDER_H_
#define MILLRACE_SIM_RECORDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "bus/message.h"
#include "sim/history.h"
#include "sim/subject.h"

namespace millrace::sim {

class Recorder {
 public:
  explicit Recorder(Topology topology);

  // Room for as many jobs and what comes of them.
  void Expect(size_t jobs);
  // The job's input message must be interned before any other message of the job is.
  uint32_t AddJob(uint32_t id, uint32_t input, const Input& message, const InputDigests& facts);
  // The same by name alone, where the input is read only later: MakeInput says which message it is.
  uint32_t AddJob(std::string name);
  void MakeInput(uint32_t message);
  // The message with these digests, which nobody has the bytes of; added as one of the job where it is new.
  uint32_t InternDigests(uint16_t topic, const bus::Digest128& id, uint64_t digest, uint32_t job);
  // The index of a message as it lies on `topic`; added where it is new.
  uint32_t Intern(uint16_t topic, const bus::Message& message);
  // By id alone: the first message with that id on the topic; kNoMessage where there is none.
  uint32_t Find(uint16_t topic, std::string_view id) const;
  const MessageInfo& message(uint32_t index) const { return history_.messages[index]; }
  uint32_t JobOf(uint32_t message) const { return message == kNoMessage ? kNoJob : history_.messages[message].job; }
  const JobInfo& job(uint32_t index) const { return history_.jobs[index]; }

  // The record is complete when it is added.
  void Add(const Record& record) {
    history_.records.push_back(record);
    schedule_ = Mix(schedule_, static_cast<uint64_t>(record.at_ns));
    schedule_ =
        Mix(schedule_, HashedAs(record.kind) | static_cast<uint64_t>(record.flags) << 8 |
                           static_cast<uint64_t>(record.process) << 16 |
                           static_cast<uint64_t>(record.incarnation) << 32 | static_cast<uint64_t>(record.stage) << 48);
    schedule_ = Mix(schedule_, record.message | static_cast<uint64_t>(record.topic) << 32 |
                                   static_cast<uint64_t>(record.partition) << 48);
    schedule_ = Mix(schedule_, record.sequence + (record.epoch << 40) + (static_cast<uint64_t>(record.attempt) << 52));
    // What a stage does to the outside is content as well as what it emits.
    if (record.kind == Kind::kEffect || record.kind == Kind::kAttempt)
      content_ = Mix(Mix(content_, record.value), static_cast<uint64_t>(record.count) << 8 | record.flags);
  }
  // Takes back the record at `index`, as if it had never been added.
  void TakeBack(size_t index) { history_.records.erase(history_.records.begin() + static_cast<ptrdiff_t>(index)); }
  uint32_t AddText(std::string text) {
    history_.texts.push_back(std::move(text));
    return static_cast<uint32_t>(history_.texts.size() - 1);
  }
  void AddStrike(const Strike& strike) { history_.strikes.push_back(strike); }
  void CountBrokerEvents(uint64_t count) { history_.broker_events += count; }

  const Topology& topology() const { return history_.topology; }
  size_t records() const { return history_.records.size(); }
  const std::string& key(uint32_t index) const { return history_.keys[index]; }
  std::vector<SinkEntry>* final_state() { return &history_.final_state; }
  // Set where the history is not of a simulated run.
  void Observe() { history_.observed = true; }
  History Take();

 private:
  struct Id {
    bus::Digest128 digest;
    uint16_t topic = 0;
    bool operator==(const Id&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Id& id) {
      return H::combine(std::move(h), id.digest.low ^ id.topic);
    }
  };
  // Kinds of transactions, and refusals of ports, stand behind all others, so that runs without them have the hashes that
  // they had before there were any.
  static uint64_t HashedAs(Kind kind) {
    const auto number = static_cast<uint64_t>(kind);
    if (kind <= Kind::kCommit) return number;
    if (kind <= Kind::kRefused || kind == Kind::kEnded) return number + kKinds;
    return number - (kind < Kind::kEnded ? 3 : 4);
  }
  static uint64_t Mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9fb21c651e98df25ull;
    return hash ^ (hash >> 32);
  }
  void Describe(uint16_t topic, const bus::Message& message, const bus::Envelope& envelope, MessageInfo& info);
  // The message of that topic, id and content; kNoMessage where it is to be added, with *first the first one under its id.
  uint32_t Known(uint16_t topic, const bus::Digest128& id, uint64_t digest, uint32_t* first);
  MessageInfo& AddMessage(uint16_t topic, const bus::Digest128& id, uint64_t digest, uint32_t first);
  uint32_t KeyOf(std::string_view key, uint64_t digest);
  uint16_t StageNamed(std::string_view name) const;

  History history_;
  uint64_t schedule_ = 0;
  uint64_t content_ = 0;
  absl::flat_hash_map<Id, uint32_t> by_id_;            // the first message under it
  std::vector<uint32_t> next_same_;                    // by message: another content under the same id
  absl::flat_hash_map<uint64_t, uint32_t> jobs_;       // by digest of the job's id
  absl::flat_hash_map<uint64_t, uint32_t> key_index_;  // by digest of the key
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_RECORDER_H_
