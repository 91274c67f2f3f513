// Inputs that kill the process cannot be caught by retrying: they are found across restarts.
//
// Each owner of a partition counts that it starts at the same first message as the one before; after a few such starts
// the window is run one message at a time, and each is noted durably before it runs. Who finds the note of a message
// that was running has seen it kill the process, and dead-letters it at the limit. Clean hand-overs are taken back from
// the count, so that rolling deployments during an outage accuse nobody. A window that has come under suspicion stays so to
// its end, whoever owns it by then: a partition that moves on, or whose process dies of another one's message, would else
// begin again with a few deaths of its whole window at each message in front of the killer.
//
// Where the backend keeps no notes, the broker's delivery count of the first message stands in. It is weak evidence: it
// grows at each clean hand-over too, and for all messages in the prefetch alike. So only the first message of an
// ownership is judged, and the limit is high (20, the default delivery limit of RabbitMQ 4).
#include <algorithm>
#include <utility>
#include <vector>

#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {
namespace {

constexpr uint64_t kSuspectDelay = 0x737573706564;  // purpose of a random draw
constexpr uint64_t kSuspectDelayMaxNs = 2'000'000'000;

}  // namespace

void Worker::BeginGuard(Held& held, const bus::Assignment& assignment) {
  CrashGuard& guard = held.guard;
  guard = {};
  if (!options_.notes) return;
  guard.first_delivery = false;
  guard.note = PartitionNote::Read(assignment.note);
  PartitionNote& note = guard.note;
  note.starts = note.starts > 0 && note.starts_at == assignment.start ? note.starts + 1 : 1;
  note.starts_at = assignment.start;
  guard.starts_counted = true;
  if (note.running > 0 && note.running_at == assignment.start) guard.deaths = note.running;
  note.running = 0;
  if (guard.deaths > 0) {
    // Kept until the next mark replaces it: if the process dies before, the deaths must not be forgotten.
    note.running = guard.deaths;
    note.running_at = assignment.start;
  }
  if (note.starts > options_.retry.suspect_after_starts || guard.deaths > 0)
    note.suspects = std::max(note.suspects, assignment.start + options_.window_messages);
  if (note.suspects > assignment.start) BeginSuspicion(held, note.suspects - assignment.start);
  if (guard.deaths >= options_.retry.deaths_max) guard.kill = assignment.start;
  EmitNote(held);
}

// Not at once, and not always at the same moment: it is by lot whether an innocent one or the killer has its trial first, so
// that an innocent one gets to its end in some life.
void Worker::BeginSuspicion(Held& held, uint64_t messages) {
  CrashGuard& guard = held.guard;
  guard.suspect_left = std::min<uint64_t>(messages, options_.window_messages);
  guard.mark_at = now_.monotonic + Duration(random_.Below(kSuspectDelay,
                                                          {held.holding.epoch, static_cast<uint64_t>(now_.wall.ns),
                                                           static_cast<uint64_t>(held.holding.partition.number)},
                                                          kSuspectDelayMaxNs));
  timers_.Set({.at = guard.mark_at, .kind = Timer::Kind::kBreaker, .holding = {}});
}

void Worker::BeginGuardFromDelivery(Held& held, const bus::Delivery& first) {
  CrashGuard& guard = held.guard;
  guard.first_delivery = false;
  if (first.redeliveries < options_.retry.suspect_after_starts) return;
  BeginSuspicion(held, options_.window_messages);
  guard.deaths = first.redeliveries;
  if (guard.deaths >= options_.retry.deliveries_max) guard.kill = first.sequence;
}

bool Worker::MaySuspectRun(Held& held, uint64_t place) {
  if (!options_.notes) return true;
  CrashGuard& guard = held.guard;
  const uint64_t sequence = held.window.at(place).delivery.sequence;
  if (guard.marked != sequence) {
    if (guard.note.running_at != sequence) guard.deaths = 0;
    guard.note.running = guard.deaths + 1;
    guard.note.running_at = sequence;
    guard.marked = sequence;
    EmitNote(held);
    return false;
  }
  return guard.unanswered == 0 && !guard.note_changed;
}

void Worker::On(const NotedEvent& event) {
  Held* held = FindHeld(event.holding);
  if (held == nullptr || held->guard.unanswered == 0) return;
  --held->guard.unanswered;
  if (event.status.ok() || held->guard.suspect_left == 0) return;
  // Not durable: no mark, no run. Tried again with the breaker's pace.
  held->guard.marked = UINT64_MAX;
  held->guard.mark_at = now_.monotonic + options_.outage_backoff_initial;
  timers_.Set({.at = held->guard.mark_at, .kind = Timer::Kind::kBreaker, .holding = {}});
}

// The process has survived the attempt: the message is innocent of its next death.
void Worker::ClearRunningMark(Held& held) {
  CrashGuard& guard = held.guard;
  if (guard.note.running == 0) return;
  guard.note.running = 0;
  guard.marked = UINT64_MAX;
  guard.note_changed = true;
  MarkDirty(held);
}

// The message was not tried after all: it is as often under suspicion of a death as before its mark.
void Worker::TakeMarkBack(Held& held) {
  CrashGuard& guard = held.guard;
  if (guard.marked == UINT64_MAX) return;
  guard.marked = UINT64_MAX;
  guard.note.running = guard.deaths;
  EmitNote(held);
}

void Worker::AdvanceGuard(Held& held, uint64_t passed) {
  CrashGuard& guard = held.guard;
  if (guard.suspect_left == 0) return;
  guard.suspect_left = guard.suspect_left > passed ? guard.suspect_left - passed : 0;
  if (guard.suspect_left > 0) return;
  // The window that was under suspicion has passed: everything that is ready may run again.
  if (guard.note.running > 0) {
    guard.note.running = 0;
    guard.note_changed = true;
  }
  for (uint64_t place = held.window.head(); place < held.window.tail(); ++place) {
    if (held.window.at(place).state == SlotState::kReady) ready_.push({&held, held.holding.epoch, place});
  }
}

// What this ownership leaves to the next: its start did not end in a crash, and what is finished behind the first
// unfinished message need not be done again. True when the note has to be written.
bool Worker::EndGuardCleanly(Held& held) {
  CrashGuard& guard = held.guard;
  if (!options_.notes) return false;
  PartitionWindow& window = held.window;
  const uint64_t next = window.empty() ? held.next_sequence : window.at(window.head()).delivery.sequence;
  bool changed = std::exchange(guard.note_changed, false);
  if (guard.starts_counted && guard.note.starts_at == next && guard.note.starts > 0) {
    --guard.note.starts;
    changed = true;
  }
  if (guard.marked != UINT64_MAX && guard.note.running > 0) {
    guard.note.running = 0;
    changed = true;
  }
  // Ranges that were found and lie beyond what was delivered this time still hold.
  std::vector<PartitionNote::Range> done;
  bool extends = false;
  for (uint64_t place = window.head(); place < window.tail(); ++place) {
    const Slot& slot = window.at(place);
    // Exactly once: what a note said was finished has no result, and waits for its turn.
    const bool known = slot.state == SlotState::kHeldBack && held.share.results[place - window.head()].group == nullptr;
    const bool finished = slot.state == SlotState::kDone || known;
    if (finished && extends) done.back().last = slot.delivery.sequence;
    if (finished && !extends) done.push_back({slot.delivery.sequence, slot.delivery.sequence});
    extends = finished;
  }
  for (const PartitionNote::Range& range : guard.note.done) {
    if (range.first >= held.next_sequence) done.push_back(range);
  }
  changed |= done != guard.note.done;
  guard.note.done = std::move(done);
  return changed;
}

bool Worker::DoneBefore(const Held& held, uint64_t sequence) {
  for (const PartitionNote::Range& range : held.guard.note.done) {
    if (sequence >= range.first && sequence <= range.last) return true;
  }
  return false;
}

}  // namespace millrace::stages
