#include "stages/worker.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "stages/wall_text.h"
#include "stages/worker_held.h"

namespace millrace::stages {
namespace {

constexpr uint64_t kRetryJitter = 0x7265747279;  // purposes of random draws

}  // namespace

Worker::Worker(WorkerOptions options, bus::SegmentPool* pool)
    : options_(std::move(options)),
      random_(options_.salt),
      lanes_(options_.topic_partitions, options_.outage_backoff_initial, options_.outage_backoff_max,
             options_.exactly_once, this),
      breaker_(options_.outage_backoff_initial, options_.outage_backoff_max),
      dead_arena_(pool) {
  MR_CHECK(options_.batch > 0 && options_.concurrency > 0 && options_.window_messages > 0)
      << "options of " << options_.stage;
  MR_CHECK(!options_.exactly_once || (options_.settlement == bus::Settlement::kPrefix && options_.notes))
      << "options of " << options_.stage << ": transactions settle prefixes, and notes go along";
  partitions_.resize(options_.inputs.size());
}

Worker::~Worker() = default;

void Worker::Step(Instant now, const Event& event, Actions* actions) {
  now_ = now;
  actions_ = actions;
  std::visit([this](const auto& e) { On(e); }, event);
  EmitSettles();
  if (options_.exactly_once) StepTransaction();
  DispatchOrTry();
  // What a trial is to note (that it begins, that it does not) is committed now, and not with whatever happens next.
  if (options_.exactly_once) StepTransaction();
  lanes_.Flush(actions);
  if (draining_ && held_.empty() && !left_) {
    left_ = true;
    actions->list.push_back(LeaveAction{});
  }
  EmitTimer();
  stats_.partitions = static_cast<uint32_t>(held_.size());
  stats_.in_window = 0;
  for (const Held* held : held_) stats_.in_window += static_cast<uint32_t>(held->window.size());
  actions_ = nullptr;
}

bool Worker::Idle() const {
  return stats_.in_window == 0 && running_.empty() && lanes_.outstanding() == 0 && transaction_ == Transaction::kNone;
}

// ---------------------------------------------------------------- partitions

Worker::Held& Worker::PartitionAt(bus::Partition partition) {
  MR_CHECK(partition.topic >= 0 && static_cast<size_t>(partition.topic) < partitions_.size() && partition.number >= 0)
      << "partition " << partition.number << " of input " << partition.topic;
  auto& numbers = partitions_[static_cast<size_t>(partition.topic)];
  const auto number = static_cast<size_t>(partition.number);
  if (numbers.size() <= number) numbers.resize(number + 1);
  if (numbers[number] == nullptr) numbers[number] = std::make_unique<Held>();
  return *numbers[number];
}

Worker::Held* Worker::FindHeld(const bus::Holding& holding) {
  // Asked several times for each message.
  const auto topic = static_cast<size_t>(holding.partition.topic),
             number = static_cast<size_t>(holding.partition.number);
  MR_CHECK(topic < partitions_.size()) << "input " << holding.partition.topic;
  const auto& numbers = partitions_[topic];
  Held* held = number < numbers.size() ? numbers[number].get() : nullptr;
  return held != nullptr && held->held() && held->holding.epoch == holding.epoch ? held : nullptr;
}

void Worker::On(const AssignedEvent& event) {
  for (const bus::Assignment& assignment : event.assignments) {
    Held& held = PartitionAt(assignment.holding.partition);
    MR_CHECK(!held.held()) << "partition " << assignment.holding.partition.number << " assigned twice";
    if (draining_ || !ready_to_serve_) {
      actions_->list.push_back(ReleaseAction{assignment.holding});
      continue;
    }
    held.holding = assignment.holding;
    held.mode = Held::Mode::kActive;
    held.next_sequence = assignment.start;
    held_.push_back(&held);
    BeginGuard(held, assignment);
  }
}

void Worker::On(const RevokingEvent& event) {
  for (const bus::Holding& holding : event.holdings) {
    if (Held* held = FindHeld(holding)) BeginRevoke(*held, event.deadline);
  }
}

void Worker::On(const LostEvent& event) {
  for (const bus::Holding& holding : event.holdings) {
    if (Held* held = FindHeld(holding)) Drop(*held);
  }
}

void Worker::On(const DrainEvent& event) {
  draining_ = true;
  for (Held* held : held_) BeginRevoke(*held, event.deadline);
}

void Worker::BeginRevoke(Held& held, MonotonicTime deadline) {
  held.deadline = held.mode == Held::Mode::kRevoking ? std::min(held.deadline, deadline) : deadline;
  held.mode = Held::Mode::kRevoking;
  if (held.deadline != MonotonicTime::Infinite()) {
    timers_.Set({.at = held.deadline, .kind = Timer::Kind::kRevoke, .holding = held.holding});
  }
  MarkDirty(held);
}

void Worker::ReleaseIfFinished(Held& held) {
  if (options_.exactly_once) {
    if (held.mode == Held::Mode::kRevoking && MayPart(held)) GiveUp(held);
    return;
  }
  if (held.mode != Held::Mode::kRevoking || held.running > 0 || held.publishing > 0) return;
  GiveUp(held);
}

void Worker::GiveUp(Held& held) {
  if (!options_.exactly_once && EndGuardCleanly(held)) EmitNote(held);
  actions_->list.push_back(ReleaseAction{held.holding});
  Drop(held);
}

void Worker::Drop(Held& held) {
  stats_.given_up += held.window.size();
  if (options_.exactly_once) DropShare(held);
  held.mode = Held::Mode::kGone;
  held.window.Clear();
  held.flowing = true;
  held.running = held.publishing = 0;
  held.settle.clear();
  held.guard = {};
  held_.erase(std::find(held_.begin(), held_.end(), &held));
}

// ---------------------------------------------------------------- the life of a message

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

// ---------------------------------------------------------------- timers

void Worker::On(const TimerEvent&) {
  timer_sent_ = MonotonicTime::Infinite();
  while (timers_.Next() <= now_.monotonic) {
    const Timer timer = timers_.Pop();
    Held* held = timer.holding.epoch != 0 ? FindHeld(timer.holding) : nullptr;
    switch (timer.kind) {
      case Timer::Kind::kRetry:
        if (held != nullptr && held->active() && held->window.Contains(timer.id) &&
            held->window.at(timer.id).state == SlotState::kBackoff) {
          MakeReady(*held, timer.id);
        }
        break;
      case Timer::Kind::kRevoke:
        if (held != nullptr && held->mode == Held::Mode::kRevoking && held->deadline <= now_.monotonic) GiveUp(*held);
        break;
      case Timer::Kind::kGroup:
        OnGroupTimer(timer.id);
        break;
      case Timer::Kind::kSpool:
        if (auto it = spooling_.find(timer.id); it != spooling_.end()) {
          if (FindHeld(it->second.holding) == nullptr) {
            spooling_.erase(it);
            break;
          }
          actions_->list.push_back(SpoolAction{.spool = timer.id, .id = it->second.id, .body = it->second.body});
        }
        break;
      case Timer::Kind::kBreaker:  // dispatching looks at the clock itself
        break;
    }
  }
  lanes_.OnTimer(now_.monotonic, actions_);
}

void Worker::EmitTimer() {
  const MonotonicTime next = std::min({timers_.Next(), lanes_.NextTimer(), TransactionTimer()});
  if (next == timer_sent_) return;
  timer_sent_ = next;
  actions_->list.push_back(SetTimerAction{next});
}

// ---------------------------------------------------------------- settling: the only place

void Worker::MarkDirty(Held& held) {
  if (held.dirty) return;
  held.dirty = true;
  dirty_.push_back(&held);
}

void Worker::EmitSettles() {
  // Settling may dead-letter or release, which marks nothing new; still by index, in case it ever does.
  for (size_t i = 0; i < dirty_.size(); ++i) {
    Held& held = *dirty_[i];
    held.dirty = false;
    if (!held.held()) continue;
    EmitSettle(held);
    UpdateFlow(held);
    ReleaseIfFinished(held);
  }
  dirty_.clear();
}

void Worker::EmitSettle(Held& held) {
  if (options_.exactly_once) return;  // Commit does
  PartitionWindow& window = held.window;
  const size_t first_range = actions_->ranges.size();
  const auto add = [&](uint64_t sequence, bool extends) {
    if (extends && actions_->ranges.size() > first_range) {
      actions_->ranges.back().last = sequence;
    } else {
      actions_->ranges.push_back({sequence, sequence});
    }
  };
  if (options_.settlement == bus::Settlement::kIndividual) {
    std::sort(held.settle.begin(), held.settle.end());
    for (size_t i = 0; i < held.settle.size(); ++i) {
      add(window.at(held.settle[i]).delivery.sequence, i > 0 && held.settle[i] == held.settle[i - 1] + 1);
    }
    held.settle.clear();
  }
  uint64_t passed = 0;
  for (; !window.empty() && window.at(window.head()).state == SlotState::kDone; ++passed) {
    // On a log one range covers the prefix, gaps in offsets included.
    if (options_.settlement == bus::Settlement::kPrefix) add(window.at(window.head()).delivery.sequence, true);
    window.PopHead();
  }
  if (passed > 0) AdvanceGuard(held, passed);
  const size_t ranges = actions_->ranges.size() - first_range;
  if (ranges == 0 && !held.guard.note_changed) return;
  SettleAction settle{.holding = held.holding,
                      .first_range = first_range,
                      .range_count = ranges,
                      .next = window.empty() ? held.next_sequence : window.at(window.head()).delivery.sequence,
                      .has_note = held.guard.note_changed && options_.notes,
                      .note = 0};
  if (settle.has_note) {
    held.guard.note.Forget(settle.next);
    settle.note = actions_->AddText(held.guard.note.Write());
    ++held.guard.unanswered;
  }
  held.guard.note_changed = false;
  actions_->list.push_back(settle);
}

void Worker::EmitNote(Held& held) {
  held.guard.note_changed = true;
  EmitSettle(held);
}

void Worker::UpdateFlow(Held& held) {
  if (!held.active()) return;
  const PartitionWindow& window = held.window;
  const bool full = window.size() >= options_.window_messages || window.bytes() >= options_.window_bytes;
  const bool room = window.size() <= options_.window_messages / 2 && window.bytes() <= options_.window_bytes / 2;
  if (held.flowing ? full : room) {
    held.flowing = !held.flowing;
    actions_->list.push_back(FlowAction{held.holding, held.flowing});
  }
}

// ---------------------------------------------------------------- for people

std::vector<std::string> Worker::Pending() const {
  std::vector<std::string> lines;
  if (!breaker_.closed()) {
    lines.push_back("stage " + options_.stage + " is paused: what it needs is unavailable since " +
                    std::to_string((now_.monotonic - breaker_.open_since()).count() / 1'000'000) + " ms");
  }
  if (gate_ == Gate::kMine || gate_ == Gate::kAsked) {
    lines.push_back("stage " + options_.stage + " tries a message alone that may kill the process");
  } else if (gate_ == Gate::kClosed) {
    lines.push_back("stage " + options_.stage +
                    " waits: another stage of the process tries a message alone that may kill it");
  }
  for (const Held* held : held_) {
    if (held->window.empty()) continue;
    const Slot& head = held->window.at(held->window.head());
    static constexpr const char* kStates[] = {"waits behind its key", "is ready",
                                              "is running",           "waits for its next try",
                                              "waits for confirms",   "waits for the spool",
                                              "is finished",          "waits for a transaction"};
    lines.push_back(options_.inputs[static_cast<size_t>(held->holding.partition.topic)] + "/" +
                    std::to_string(held->holding.partition.number) + ": " + std::to_string(held->window.size()) +
                    " in the window" + (held->flowing ? "" : " (full, paused)") + ", the first, " +
                    std::to_string(head.delivery.sequence) + " with key '" +
                    std::string(head.delivery.message.key.value_or("")) + "', " +
                    kStates[static_cast<int>(head.state)] + " after " + std::to_string(head.failures) + " failures");
  }
  if (transaction_ != Transaction::kNone && !why_.ok()) {
    lines.push_back("a transaction is to be aborted: " + std::string(why_.message()));
  } else if (begin_at_ > now_.monotonic) {
    lines.push_back("the last transaction was not committed: " + std::string(why_.message()));
  }
  lanes_.Explain(&lines);
  return lines;
}

}  // namespace millrace::stages
