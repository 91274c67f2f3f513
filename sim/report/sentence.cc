#include "sim/report/sentence.h"

#include <array>

namespace millrace::sim {
namespace {

constexpr std::array<std::array<std::string_view, 2>, kKinds> kNouns = {{
    {"hand-over by the feed", "hand-overs by the feed"},
    {"acceptance", "acceptances"},
    {"start", "starts"},
    {"crash", "crashes"},
    {"request to stop", "requests to stop"},
    {"stop", "stops"},
    {"pause", "pauses"},
    {"end of a pause", "ends of pauses"},
    {"assignment", "assignments"},
    {"revocation", "revocations"},
    {"release", "releases"},
    {"loss of a partition", "losses of partitions"},
    {"trouble with the bus", "troubles with the bus"},
    {"delivery", "deliveries"},
    {"start of an attempt", "starts of attempts"},
    {"effect", "effects"},
    {"attempt", "attempts"},
    {"output", "outputs"},
    {"publish", "publishes"},
    {"confirm", "confirms"},
    {"settlement", "settlements"},
    {"commit", "commits"},
    {"end of a transaction that is asked for", "ends of transactions that are asked for"},
    {"end of a transaction that is heard of", "ends of transactions that are heard of"},
    {"refusal by a port", "refusals by ports"},
    {"append", "appends"},
    {"commit taken by the broker", "commits taken by the broker"},
    {"end of a transaction", "ends of transactions"},
    {"acknowledgement taken by the broker", "acknowledgements taken by the broker"},
    {"destroyed message", "destroyed messages"},
    {"change of hands", "changes of hands"},
    {"fault", "faults"},
    {"end of a fault", "ends of faults"},
    {"quiet", "quiets"},
    {"standstill", "standstills"},
    {"limit", "limits"},
    {"end", "ends"},
}};

std::string Number(uint64_t value) { return std::to_string(value); }

// " (why)", or nothing.
std::string Because(const std::string& why) { return why.empty() ? "" : ": " + why; }

std::string OfFeed(const Names& names, const Record& r) {
  const std::string what = names.Message(r.message);
  if (r.kind == Kind::kAccepted) return "hears that the broker has " + what + ": from now on it must not be lost";
  return "hands " + what + " to the bus" + (r.value > 0 ? " again (repeat " + Number(r.value) + ")" : "");
}

std::string OfLife(const Names& names, const Record& r) {
  const std::string partition = names.Partition(r.topic, r.partition);
  const std::string with_stage = partition + " for " + names.Stage(r.stage);
  switch (r.kind) {
    case Kind::kStart:
      return names.Life(r.process, r.incarnation) > 1 ? "starts again, knowing nothing of its life before" : "starts";
    case Kind::kCrash:
      return "crashes: what it had in memory is gone";
    case Kind::kDrain:
      return "is asked to stop: it starts nothing new and finishes what runs";
    case Kind::kStopped:
      return r.flags & kClean ? "has stopped, with everything settled" : "has stopped, and not everything was settled";
    case Kind::kPaused:
      return (r.flags & kAlive ? "is stuck for " : "stands still for ") + Duration(static_cast<int64_t>(r.value)) +
             (r.flags & kAlive ? ": its client libraries' threads go on, and so do their heartbeats"
                               : " while the world goes on");
    case Kind::kResumed:
      return "goes on";
    case Kind::kAssigned:
      return "gets " + with_stage + (names.history().topology.queue ? "" : ", from offset " + Number(r.value) + " on");
    case Kind::kRevoking:
      return "must give " + with_stage + " back, and may still settle until it does";
    case Kind::kReleased:
      return "has given " + with_stage + " back";
    case Kind::kLost:
      return "is told that " + with_stage + " is no longer its own";
    default:
      if (r.value == 0) return "hears from the bus that all is well again";
      return "hears from the bus: " + StatusName(r.value) + Because(names.Text(r.text));
  }
}

std::string OfAttempt(const Names& names, const Record& r) {
  const std::string what = names.Message(r.message);
  const std::string number = r.attempt > 1 ? " (attempt " + Number(r.attempt) + ")" : "";
  if (r.kind == Kind::kDispatch) return "runs " + names.Stage(r.stage) + " on " + what + number;
  if (r.flags & kSkipped) return "does not run " + names.Stage(r.stage) + " on " + what + ": one before it failed";
  if (r.value != 0) return names.Stage(r.stage) + " fails on " + what + number + ": " + StatusName(r.value);
  const std::string outputs = r.count == 0 ? "no output" : r.count == 1 ? "1 output" : Number(r.count) + " outputs";
  return names.Stage(r.stage) + " is done with " + what + number + ": " + outputs;
}

std::string OfRefusal(const Names& names, const Record& r) {
  return "is answered by port " + names.Port(r.topic) + ", asked for " + names.Message(r.message) + ": " +
         StatusName(r.value) + (r.count > 0 ? ", although it was done" : ", and nothing was done");
}

std::string OfMessage(const Names& names, const Record& r) {
  const std::string what = names.Message(r.message);
  switch (r.kind) {
    case Kind::kDelivered:
      return "receives " + what + " from " + names.Place(r) + " (" + names.Stage(r.stage) + ")" +
             (r.value > 0 ? ", redelivery " + Number(r.value) : "");
    case Kind::kEffect:
      if (r.flags & kRepeat) return "port " + names.Port(r.topic) + " knows " + what + " already and does nothing";
      return "port " + names.Port(r.topic) + " takes the effect of " + what;
    case Kind::kOutput:
      if (r.flags & kDeadLetter)
        return "gives up on " + names.Message(static_cast<uint32_t>(r.value)) + ": a dead letter is made";
      if (r.flags & kReceipt)
        return "ends " + names.Message(static_cast<uint32_t>(r.value)) + " without output: a receipt is made";
      return "has an output in its memory: " + what;
    case Kind::kPublish:
      return "publishes " + what;
    case Kind::kConfirm:
      if (r.value == 0) return "hears that the broker has " + what;
      return "hears that publishing " + what + " failed: " + StatusName(r.value);
    case Kind::kSettle:
      return "settles " + what + " (" + names.Place(r) + "): it is not to come again";
    default:
      return "commits " + names.Partition(r.topic, r.partition) + " for " + names.Stage(r.stage) +
             ": all before offset " + Number(r.sequence) + " is done";
  }
}

std::string OfTransaction(const Names& names, const Record& r) {
  const std::string stage = names.Stage(r.stage);
  if (r.kind == Kind::kTransacted) {
    if (r.value != 0) return "hears that the transaction of " + stage + " was aborted: " + StatusName(r.value);
    return "hears that the transaction of " + stage + " is " + (r.attempt != 0 ? "committed" : "aborted, as asked");
  }
  if (r.attempt == 0) return "asks the broker to abort the transaction of " + stage;
  return "asks the broker to commit the transaction of " + stage + ", with offsets of " + Number(r.count) +
         (r.count == 1 ? " partition" : " partitions");
}

std::string OfEnd(const Names& names, const Record& r) {
  const std::string whose = r.process == kNoProcess ? "" : " of " + names.Process(r.process, r.incarnation);
  const std::string what = "transaction " + Number(r.value) + whose;
  if (r.attempt != 0) return "commits " + what + ": what it holds is seen from now on";
  const auto why = static_cast<TransactionEnd>(r.count);
  return "aborts " + what +
         (why == TransactionEnd::kTimedOut ? ", which has run out of time"
          : why == TransactionEnd::kFenced ? ", as another producer has begun under its id"
                                           : ", as asked") +
         ": what it holds is never seen";
}

std::string OfBroker(const Names& names, const Record& r) {
  const std::string what = names.Message(r.message);
  switch (r.kind) {
    case Kind::kAppended:
      return "stores " + what + " in " + names.Place(r) +
             (r.value == 0 ? "" : ", to be seen once transaction " + Number(r.value) + " is committed");
    case Kind::kEnded:
      return OfEnd(names, r);
    case Kind::kCommitted:
      if (r.count > 0) {
        return "has lost the last commits: " + names.Stage(r.stage) + " is back at offset " + Number(r.sequence) +
               " in " + names.Partition(r.topic, r.partition) + " (before: " + Number(r.value) + ")";
      }
      return "takes the commit: " + names.Stage(r.stage) + " goes on in " + names.Partition(r.topic, r.partition) +
             " at offset " + Number(r.sequence) + " (before: " + Number(r.value) + ")";
    case Kind::kAcked:
      return "takes " + what + " off the queue of " + names.Stage(r.stage) + " (" +
             names.Partition(r.topic, r.partition) + ")";
    case Kind::kDestroyed:
      return "destroys " + what + " (" + names.Place(r) + ")" +
             (r.stage == kNoStage ? "" : ", which " + names.Stage(r.stage) + " had not settled");
    default:
      return "the partitions of " + names.Stage(r.stage) + " change hands (generation " + Number(r.value) + ")";
  }
}

std::string OfWorld(const Names& names, const Record& r) {
  switch (r.kind) {
    case Kind::kFault:
      return names.FaultKind(r.value) + " strikes, as planned " + names.FaultTrigger(r.value);
    case Kind::kHealed:
      return names.FaultKind(r.value) + " is over";
    case Kind::kQuiet:
      return "nothing is in flight and nothing is left to do";
    case Kind::kStuck:
      return std::string(r.value == 0 ? "stands still (deadlock)" : "runs in circles (livelock)") +
             Because(names.Text(r.text));
    case Kind::kLimit:
      return "is cut off by a limit of the plan" + Because(names.Text(r.text));
    default:
      return "ends";
  }
}

}  // namespace

std::string Sentence(const Names& names, const Record& record) {
  if (record.kind <= Kind::kAccepted) return OfFeed(names, record);
  if (record.kind <= Kind::kTrouble) return OfLife(names, record);
  if (record.kind == Kind::kDispatch || record.kind == Kind::kAttempt) return OfAttempt(names, record);
  if (record.kind <= Kind::kCommit) return OfMessage(names, record);
  if (record.kind <= Kind::kTransacted) return OfTransaction(names, record);
  if (record.kind == Kind::kRefused) return OfRefusal(names, record);
  if (record.kind <= Kind::kMoved) return OfBroker(names, record);
  return OfWorld(names, record);
}

std::string_view Noun(Kind kind, bool plural) { return kNouns[static_cast<size_t>(kind)][plural ? 1 : 0]; }

}  // namespace millrace::sim
