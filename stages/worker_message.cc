// Worker: the life of a message, from its delivery to the confirms of its outputs.
#include <algorithm>
#include <string>
#include <utility>

#include "bus/check.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "stages/wall_text.h"
#include "stages/worker.h"
#include "stages/worker_held.h"

namespace millrace::stages {
namespace {

constexpr uint64_t kRetryJitter = 0x7265747279;  // purposes of random draws

}  // namespace

void Worker::On(const DeliveredEvent& event) {
  Held* held = FindHeld(event.batch.holding);
  // What comes after a partition was asked back is not started: it stays with the broker.
  if (held == nullptr || !held->active()) return;
  PartitionWindow& window = held->window;
  const uint64_t first = window.tail();
  for (const bus::Delivery& delivery : event.batch.deliveries) {
    const uint64_t place = window.tail();
    Slot& slot = window.Push(delivery);
    slot.arrived = now_.monotonic;
    slot.keyed = delivery.message.key.has_value();
    RecallHung(*held, slot);
    if (options_.exactly_once) held->share.results.push({});
    if (DoneBefore(*held, delivery.sequence)) {
      slot.state = SlotState::kDone;
      slot.key_released = true;
      MarkDirty(*held);
      if (options_.exactly_once) HoldBack(*held, place, nullptr, 0);
      continue;
    }
    if (!slot.keyed) {
      slot.state = SlotState::kReady;
      continue;
    }
    slot.key = bus::Digest64(*delivery.message.key);
    KeyChains::Chain& chain = window.keys.At(slot.key);
    slot.state = chain.head == KeyChains::kNone ? SlotState::kReady : SlotState::kWaiting;
    if (chain.head == KeyChains::kNone) {
      chain.head = place;
    } else {
      window.at(chain.tail).next = place;
    }
    chain.tail = place;
  }
  window.Hold(event.batch.segment);
  stats_.in += event.batch.deliveries.size();
  if (!event.batch.deliveries.empty()) {
    held->next_sequence = event.batch.deliveries.back().sequence + 1;
    if (held->guard.first_delivery) BeginGuardFromDelivery(*held, event.batch.deliveries.front());
  }
  for (uint64_t place = first; place < window.tail(); ++place) {
    if (window.at(place).state == SlotState::kReady) MakeReady(*held, place);
  }
  UpdateFlow(*held);
}

void Worker::MakeReady(Held& held, uint64_t place) {
  Slot& slot = held.window.at(place);
  CrashGuard& guard = held.guard;
  if (slot.delivery.sequence == guard.kill) {
    guard.kill = UINT64_MAX;
    const std::string times = std::to_string(guard.deaths) + " times ";
    DeadLetter(
        held, place,
        absl::InternalError(options_.notes ? "the process died " + times + "while this message was being processed"
                                           : "delivered " + times + "without being finished: it may kill the process"));
    return;
  }
  if (HungTooOften(held, slot)) {
    DeadLetter(held, place,
               absl::DeadlineExceededError("the attempt did not return within its time-out and the grace, " +
                                           std::to_string(guard.note.HungTimes(slot.delivery.sequence)) + " times"));
    return;
  }
  if (!guard.note.parked.empty() && slot.keyed &&
      std::binary_search(guard.note.parked.begin(), guard.note.parked.end(), slot.key)) {
    if (bus::ReadEnvelope(slot.delivery.message.headers).redriven.empty()) {
      DeadLetter(held, place, absl::FailedPreconditionError("parked: an earlier message of this key is a dead letter"));
      return;
    }
    guard.note.parked.erase(std::find(guard.note.parked.begin(), guard.note.parked.end(), slot.key));
    guard.note_changed = true;
    MarkDirty(held);
  }
  slot.state = SlotState::kReady;
  if (guard.suspect_left == 0) ready_.push({&held, held.holding.epoch, place});
}

void Worker::AdvanceKey(Held& held, Slot& slot) {
  if (!slot.keyed || slot.key_released) return;
  slot.key_released = true;
  KeyChains::Chain& chain = held.window.keys.At(slot.key);
  const uint64_t next = slot.next;
  if (next == KeyChains::kNone) {
    held.window.keys.Erase(slot.key);
    return;
  }
  chain.head = next;
  if (held.window.at(next).state == SlotState::kWaiting) MakeReady(held, next);
}

void Worker::On(const AttemptsEvent& event) {
  AttemptGroup& group = *event.group;
  MR_CHECK(event.from == group.reported && event.to <= group.items.size()) << "reports of a group come in order";
  bool late = false;
  for (uint32_t i = event.from; i < event.to; ++i) {
    FinishAttempt(group, i);
    late = late || group.items[i].timed_out;
  }
  group.reported = event.to;
  if (group.reported < group.items.size()) {
    // The timer waits for the end of the grace of what was late: the next one is to be watched from its beginning.
    if (late) WatchGroup(group);
    return;
  }
  running_.erase(std::find(running_.begin(), running_.end(), &group));
  if (!ready_to_serve_ &&
      std::none_of(running_.begin(), running_.end(), [](const AttemptGroup* g) { return g->stuck; })) {
    ready_to_serve_ = true;
    actions_->list.push_back(ReadyAction{.ready = true, .reason = actions_->AddText("")});
  }
  RecycleIfUnused(&group);
}

void Worker::FinishAttempt(AttemptGroup& group, uint32_t index) {
  AttemptItem& item = group.items[index];
  AttemptResult& result = group.results[index];
  const bool ran = !result.skipped;
  if (ran && !item.timed_out && result.status.code() == absl::StatusCode::kUnavailable) {
    if (breaker_.Unavailable(now_.monotonic)) {
      ++stats_.outages;
      timers_.Set({.at = breaker_.retry_at(), .kind = Timer::Kind::kBreaker, .holding = {}});
    }
  } else if (ran) {
    breaker_.Answered();
  }
  // A message that ran behind one whose result is thrown away counts as not run.
  const bool discarded = item.predecessor >= 0 && (group.items[static_cast<size_t>(item.predecessor)].timed_out);
  if (discarded) item.timed_out = true;

  Held* held = FindHeld(item.holding);
  if (held == nullptr) {
    ++stats_.stale;
    result.outputs.clear();
    return;
  }
  --held->running;
  Slot& slot = held->window.at(item.slot);
  MR_CHECK(slot.state == SlotState::kRunning) << "a result for a message that was not running";
  ClearRunningMark(*held);
  MarkDirty(*held);
  if (result.skipped || discarded) {
    slot.state = SlotState::kWaiting;
    result.outputs.clear();
    // Results come in pieces: the one before it may have been tried again and ended since its failure was told.
    if (held->window.keys.At(slot.key).head == item.slot) MakeReady(*held, item.slot);
  } else if (item.in_company) {
    result.outputs.clear();
    slot.alone = true;
    MakeReady(*held, item.slot);
  } else if (item.timed_out) {
    result.outputs.clear();
    FailAttempt(*held, slot, item.slot,
                absl::DeadlineExceededError("the attempt took longer than " +
                                            std::to_string(options_.attempt_timeout.count() / 1'000'000) + " ms"));
  } else if (result.status.ok()) {
    Accept(*held, slot, group, index);
  } else if (result.status.code() == absl::StatusCode::kUnavailable) {
    MakeReady(*held, item.slot);
  } else {
    FailAttempt(*held, slot, item.slot, result.status);
  }
}

void Worker::Accept(Held& held, Slot& slot, AttemptGroup& group, uint32_t index) {
  const uint64_t place = group.items[index].slot;
  if (options_.exactly_once) return HoldBack(held, place, &group, index);
  const auto count = static_cast<uint32_t>(group.results[index].outputs.size());
  slot.state = SlotState::kPublishing;
  slot.unconfirmed = count;
  ++held.publishing;
  group.in_use += count;
  for (uint32_t output = 0; output < count; ++output) {
    lanes_.Enqueue(
        {.input = held.holding, .place = place, .group = &group, .item = index, .output = output, .dead_letter = false},
        actions_);
  }
  if (count == 0) {
    Complete(held, place);
  } else if (!options_.strict) {
    AdvanceKey(held, slot);
  }
}

void Worker::FailAttempt(Held& held, Slot& slot, uint64_t place, const absl::Status& status) {
  ++slot.failures;
  if (slot.history == nullptr) slot.history = std::make_unique<std::string>();
  *slot.history += std::to_string(slot.failures) + " " + WallText(now_.wall) + " " + StatusText(status) + "\n";
  if (status.code() == absl::StatusCode::kInvalidArgument || slot.failures >= options_.retry.attempts_max) {
    DeadLetter(held, place, status);
    return;
  }
  ++stats_.retried;
  slot.state = SlotState::kBackoff;
  int64_t delay = options_.retry.backoff_initial.count();
  for (uint32_t i = 1; i < slot.failures && delay < options_.retry.backoff_max.count(); ++i)
    delay *= options_.retry.multiplier;
  delay = std::min(delay, options_.retry.backoff_max.count());
  const auto half = static_cast<uint64_t>(delay / 2);
  delay -= static_cast<int64_t>(
      random_.Below(kRetryJitter,
                    {static_cast<uint64_t>(held.holding.partition.topic),
                     static_cast<uint64_t>(held.holding.partition.number), slot.delivery.sequence, slot.failures},
                    half + 1));
  timers_.Set(
      {.at = now_.monotonic + Duration(delay), .kind = Timer::Kind::kRetry, .holding = held.holding, .id = place});
}

void Worker::Complete(Held& held, uint64_t place) {
  Slot& slot = held.window.at(place);
  slot.state = SlotState::kDone;
  --held.publishing;
  ++stats_.done;
  stats_.latency.Add((now_.monotonic - slot.arrived).count());
  if (slot.dead) {
    ++stats_.dead;
    Park(held, slot);
  }
  AdvanceKey(held, slot);
  if (options_.settlement == bus::Settlement::kIndividual) held.settle.push_back(place);
  MarkDirty(held);
}

// ---------------------------------------------------------------- confirms

void Worker::On(const ConfirmedEvent& event) { lanes_.OnConfirmed(event.confirm, now_.monotonic); }

bool Worker::Live(const PendingOutput& pending) { return FindHeld(pending.input) != nullptr; }

void Worker::OutputConfirmed(const PendingOutput& pending) {
  if (options_.exactly_once) return AnsweredInTransaction(pending);
  if (!pending.dead_letter) ++stats_.out;
  OutputEnded(pending, absl::OkStatus());
}

void Worker::OutputRejected(const PendingOutput& pending, const absl::Status& status) {
  if (!options_.exactly_once) return OutputEnded(pending, status);
  if (Held* held = FindHeld(pending.input)) held->window.at(pending.place).rejected = status;
  AnsweredInTransaction(pending);
  Doom(status, /*back_off=*/false);
}

void Worker::OutputFailed(const PendingOutput& pending, const absl::Status& status) {
  AnsweredInTransaction(pending);
  Doom(status, /*back_off=*/true);
}

void Worker::OutputDropped(const PendingOutput& pending) { OutputEnded(pending, absl::OkStatus()); }

void Worker::OutputEnded(const PendingOutput& pending, const absl::Status& status) {
  --pending.group->in_use;
  RecycleIfUnused(pending.group);
  Held* held = FindHeld(pending.input);
  if (held == nullptr) return;
  Slot& slot = held->window.at(pending.place);
  if (!status.ok()) slot.rejected = status;
  if (--slot.unconfirmed > 0) return;
  if (slot.rejected.ok()) {
    Complete(*held, pending.place);
  } else {
    --held->publishing;
    DeadLetter(*held, pending.place,
               absl::InvalidArgumentError("an output was refused: " + std::string(slot.rejected.message())));
    slot.rejected = absl::OkStatus();
  }
}

}  // namespace millrace::stages
