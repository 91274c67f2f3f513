// Who is alive in a group, as one instance sees it: beats heard, time-outs, incarnations. Pure: beats and time come in,
// a view comes out.
//
// Views of different instances differ for a while, or for as long as messages are lost between them; nobody may rely on
// them for more than a hint.
//
// Two rules keep views calm. Others are timed out only against our own beats as they come back to us through the same
// exchange: while we do not hear ourselves, what is broken is our presence link (an alarm, a restart), not all the
// others, and the view stays as it is. And a newcomer waits `join_delay` before it acts on its view, while those who
// hear it for the first time answer at once.
//
// Threading: one thread at a time.
#ifndef MILLRACE_BUS_MEMORY_PRESENCE_H_
#define MILLRACE_BUS_MEMORY_PRESENCE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/clock.h"

namespace millrace::bus {

struct PresenceOptions {
  Duration beat_interval = std::chrono::seconds(1);
  Duration beat_timeout = std::chrono::milliseconds(3500);
  Duration join_delay = std::chrono::milliseconds(20);
};

struct BeatTopic {
  std::string name;
  int32_t partitions = 0;
  std::vector<int32_t> declined;  // partitions that the sender does not want for now
  bool operator==(const BeatTopic&) const = default;
};

// A partition that the sender is subscribed to, and how much of it it has been given and not settled. For whoever wants
// to know how far behind a group is; who owns what does not depend on it.
struct BeatHand {
  std::string topic;
  int32_t partition = 0;
  uint64_t unsettled = 0;
  bool operator==(const BeatHand&) const = default;
};

// What an instance says about itself.
struct Beat {
  std::string name;
  uint64_t incarnation = 0;       // a restarted instance has a higher one
  uint64_t number = 0;            // counts the beats of an incarnation
  int32_t capacity = 0;           // most partitions it will hold; 0: no bound
  bool ready = true;              // may own partitions
  bool leaving = false;           // the last one
  std::vector<BeatTopic> topics;  // ordered topics only
  std::vector<BeatHand> hands;    // of all topics
  bool operator==(const Beat&) const = default;
};

std::string EncodeBeat(const Beat& beat);
// nullopt for bytes that are no beat: what comes from an exchange can be anything.
std::optional<Beat> DecodeBeat(std::string_view bytes);

class Presence {
 public:
  Presence(const PresenceOptions& options, Beat self, MonotonicTime now);

  // What the next beat says; the setter makes a beat due at once when something has changed.
  const Beat& self() const { return self_; }
  void SetSelf(bool ready, std::vector<BeatTopic> topics);
  // Says goodbye in the next beat.
  void Leave();

  bool BeatDue(MonotonicTime now) const { return now >= beat_at_; }
  // The beat to send now; the next is due an interval later.
  const Beat& NextBeat(MonotonicTime now);

  void Heard(const Beat& beat, MonotonicTime now);
  // When the next beat is due.
  MonotonicTime NextBeatAt() const { return beat_at_; }
  // When Settled() may become true by time alone; Infinite() when it is already.
  MonotonicTime SettledAt(MonotonicTime now) const;

  // Whether to act on the view: the join delay is over and we have heard ourselves, or given up waiting for that.
  bool Settled(MonotonicTime now) const;
  // Whether our own beats have stopped coming back.
  bool Deaf(MonotonicTime now) const;
  // Grows whenever Live() may have changed.
  uint64_t version() const { return version_; }
  // Everyone alive by name, ourselves included; valid until the next call of anything else.
  std::vector<const Beat*> Live() const;
  // Another live instance uses our name. Ours to report: only one of the two should run.
  bool NameTaken() const { return name_taken_; }

 private:
  struct Member {
    Beat beat;
    MonotonicTime heard_at;
  };
  void HeardSelf(MonotonicTime now);

  PresenceOptions options_;
  Beat self_;
  MonotonicTime started_;
  MonotonicTime beat_at_;
  MonotonicTime answered_at_;
  std::optional<MonotonicTime> self_heard_at_;
  bool name_taken_ = false;
  uint64_t version_ = 1;
  std::map<std::string, Member> members_;     // others
  std::map<std::string, uint64_t> departed_;  // incarnations that said goodbye: late beats of theirs mean nothing
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_PRESENCE_H_
