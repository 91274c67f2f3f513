// What a worker wants done. Whoever runs the worker carries actions out in order, before the next step; each is a point
// at which a process may die.
//
// The buffer is reused from step to step, so that a steady stream allocates nothing. Views in it are valid until the
// next Clear; messages in `outgoing` until they are confirmed, as the worker keeps their bytes.
#ifndef MILLRACE_STAGES_WORKER_ACTION_H_
#define MILLRACE_STAGES_WORKER_ACTION_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bus/clock.h"
#include "bus/driver.h"
#include "stages/attempt.h"

namespace millrace::stages {

// Run the group; answer with AttemptsEvents that cover its items in order.
struct DispatchAction {
  AttemptGroup* group = nullptr;
};
// Set the item's cancel flag.
struct CancelAction {
  AttemptGroup* group = nullptr;
  uint32_t item = 0;
};
// Say what the executor is at with the group; answer with a ProgressEvent after the step.
struct ProgressAction {
  AttemptGroup* group = nullptr;
};
// Publish outgoing[first … first + count) under tokens first_token, …; each is answered by a ConfirmedEvent. What the
// driver does not take now is kept and offered again, in order.
struct PublishAction {
  size_t first = 0;
  size_t count = 0;
  uint64_t first_token = 0;
};
struct SettleAction {
  bus::Holding holding;
  size_t first_range = 0;
  size_t range_count = 0;
  uint64_t next = 0;
  bool has_note = false;
  size_t note = 0;         // in texts
  bool committed = false;  // by a transaction: nothing is sent any more
};
// End the transaction of what was published since the last one ended; answer with a TransactedEvent. Nothing is published
// before that. With `commit` settles[first … first + count) go along.
struct TransactAction {
  bool commit = false;
  size_t first = 0;
  size_t count = 0;
};
struct FlowAction {
  bus::Holding holding;
  bool on = true;
};
struct ReleaseAction {
  bus::Holding holding;
};
// Keep `body` durably where people find it (it does not fit into its dead letter); answer with SpooledEvent. Valid
// until then.
struct SpoolAction {
  uint64_t spool = 0;
  std::string_view id;
  std::string_view body;
};
// Send a TimerEvent at `at`, replacing what was asked for before.
struct SetTimerAction {
  MonotonicTime at;
};
// Readiness changed: an attempt ran past its time-out and grace, or has returned.
struct ReadyAction {
  bool ready = true;
  size_t reason = 0;  // in texts
};
// What the worker wants of the process's gate for trials; whoever has no gate answers kAsk with GateEvent kMine and kEnd
// with kOpen, each after the step.
enum class GateWish : uint8_t {
  kAsk,     // a suspect is to be tried
  kQuiet,   // nothing of this instance runs any more
  kInsist,  // somebody's attempt does not return: the trial goes on beside it
  kEnd,     // the trial is over, or not wanted any more
};
struct GateAction {
  GateWish wish = GateWish::kAsk;
  uint64_t round = 0;
};
// Drained: close the consumer and stop.
struct LeaveAction {};

using Action =
    std::variant<DispatchAction, CancelAction, ProgressAction, PublishAction, SettleAction, FlowAction, ReleaseAction,
                 SpoolAction, SetTimerAction, ReadyAction, GateAction, LeaveAction, TransactAction>;

struct Actions {
  std::vector<Action> list;
  std::vector<bus::Outgoing> outgoing;
  std::vector<bus::SettleRange> ranges;
  std::vector<std::string> texts;
  std::vector<SettleAction> settles;  // of transactions

  std::span<const bus::SettleRange> Ranges(const SettleAction& a) const {
    return std::span(ranges).subspan(a.first_range, a.range_count);
  }
  std::span<const bus::Outgoing> Outgoing(const PublishAction& a) const {
    return std::span(outgoing).subspan(a.first, a.count);
  }
  std::span<const SettleAction> Settles(const TransactAction& a) const {
    return std::span(settles).subspan(a.first, a.count);
  }
  std::string_view Note(const SettleAction& a) const {
    return a.has_note ? std::string_view(texts[a.note]) : std::string_view();
  }
  size_t AddText(std::string text) {
    texts.push_back(std::move(text));
    return texts.size() - 1;
  }
  void Clear() {
    list.clear();
    outgoing.clear();
    ranges.clear();
    texts.clear();
    settles.clear();
  }
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_WORKER_ACTION_H_
