#include "stages/worker.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"
#include "stages/worker_held.h"

namespace millrace::stages {

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
