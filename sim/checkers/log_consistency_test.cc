#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "log-consistency";

struct Log {
  HistoryBuilder b;
  uint32_t jobs[3], in[3], appended[3], assigned;
  explicit Log(bool queues = false) : b(TwoStages(queues)) {
    for (int i = 0; i < 3; ++i) {
      jobs[i] = b.Job("j" + std::to_string(i), "raw");
      in[i] = b.Input(jobs[i]);
      b.Feed(jobs[i]);
      appended[i] = b.last() - 1;
    }
    b.Assign(0, "parse");
    assigned = b.last();
  }
};

TEST(LogConsistency, InOrder) {
  for (bool queues : {false, true}) {
    Log t(queues);
    t.b.Deliver(0, "parse", t.in[0]).Deliver(0, "parse", t.in[1]).Deliver(0, "parse", t.in[2]);
    t.b.Crash(0).Assign(1, "parse").Deliver(1, "parse", t.in[0]);
    ExpectPass(kName, t.b.history());
  }
}

TEST(LogConsistency, InconsistentOffsets) {
  Log t;
  t.b.record(t.appended[2]).sequence = 1;
  ExpectFail(kName, t.b.history(), "inconsistent-offsets", t.jobs[2], {t.appended[1], t.appended[2]});
  Log other;
  other.b.Deliver(0, "parse", other.in[0]);
  other.b.record(other.b.last()).message = other.in[1];
  ExpectFail(kName, other.b.history(), "inconsistent-offsets", other.jobs[1],
             {other.appended[0], other.assigned, other.b.last()});
}

TEST(LogConsistency, NonmonotonicPollOfOneHolding) {
  Log t;
  t.b.Deliver(0, "parse", t.in[0]).Deliver(0, "parse", t.in[1]).Deliver(0, "parse", t.in[0]);
  ExpectFail(kName, t.b.history(), "int-nonmonotonic-poll", t.jobs[0], {t.b.last() - 1, t.b.last()});
  Log queue(/*queues=*/true);
  queue.b.Deliver(0, "parse", queue.in[0]).Deliver(0, "parse", queue.in[1]);
  queue.b.record(queue.b.last()).sequence = 0;
  ExpectFail(kName, queue.b.history(), "int-nonmonotonic-poll", queue.jobs[1], {queue.b.last() - 1, queue.b.last()});
}

TEST(LogConsistency, PollSkipOfOneHolding) {
  Log t;
  t.b.Deliver(0, "parse", t.in[0]).Deliver(0, "parse", t.in[2]);
  ExpectFail(kName, t.b.history(), "int-poll-skip", t.jobs[1], {t.appended[1], t.b.last() - 1, t.b.last()});
  Log start;
  start.b.Deliver(0, "parse", start.in[1]);  // and not from where the group is
  ExpectFail(kName, start.b.history(), "int-poll-skip", start.jobs[0],
             {start.appended[0], start.assigned, start.b.last()});
  Log gone;
  gone.b.Destroy("parse", gone.in[0]).Deliver(0, "parse", gone.in[1]);
  ExpectPass(kName, gone.b.history());
}

TEST(LogConsistency, PollSkip) {
  Log t;
  t.b.record(t.assigned).value = 2;
  ExpectFail(kName, t.b.history(), "poll-skip", t.jobs[0], {t.appended[0], t.assigned});
  Log gone;
  gone.b.Release(0, "parse").Destroy("parse", gone.in[0]).Destroy("parse", gone.in[1]).Assign(1, "parse");
  gone.b.record(gone.b.last()).value = 2;
  ExpectPass(kName, gone.b.history());
  Log done;
  done.b.Work(0, "parse", done.in[0]).Release(0, "parse").Assign(1, "parse");
  ExpectPass(kName, done.b.history());
  done.b.record(done.b.last()).value = 2;
  ExpectFail(kName, done.b.history(), "poll-skip", done.jobs[1], {done.appended[1], done.b.last()});
  // It went back, and whoever comes had asked before.
  Log back;
  back.b.Work(0, "parse", back.in[0]).Release(0, "parse").Committed("parse", 0, 0).Assign(1, "parse");
  back.b.record(back.b.last()).value = 1;
  ExpectPass(kName, back.b.history());
}

TEST(LogConsistency, NonmonotonicPoll) {
  Log t;
  t.b.Work(0, "parse", t.in[0]).Release(0, "parse");
  HistoryBuilder lost = t.b, meanwhile = t.b, back = t.b, told = t.b;
  t.b.Assign(0, "parse");
  ExpectPass(kName, t.b.history());
  t.b.record(t.b.last()).value = 0;
  ExpectFail(kName, t.b.history(), "nonmonotonic-poll", kNoJob, {t.b.last()});
  // Another life of the process could not ask before it began.
  lost.Crash(0).Start(0).Assign(0, "parse");
  lost.record(lost.last()).value = 0;
  ExpectFail(kName, lost.history(), "nonmonotonic-poll", kNoJob, {lost.last()});
  // It may have asked before the other one committed.
  meanwhile.Assign(1, "parse").Work(1, "parse", t.in[1]).Release(1, "parse").Assign(0, "parse");
  meanwhile.record(meanwhile.last()).value = 1;
  ExpectPass(kName, meanwhile.history());
  back.Committed("parse", 0, 0).Assign(0, "parse");
  ExpectPass(kName, back.history());
  HistoryBuilder other = told, before = told, elsewhere = told;
  elsewhere.DataLoss(0, "parse", 1).Assign(0, "parse");
  elsewhere.record(elsewhere.last()).value = 0;
  ExpectFail(kName, elsewhere.history(), "nonmonotonic-poll", kNoJob, {elsewhere.last()});  // of another partition
  told.DataLoss(0, "parse").Assign(0, "parse");
  told.record(told.last()).value = 0;
  ExpectPass(kName, told.history());
  other.DataLoss(1, "parse").Assign(0, "parse");
  other.record(other.last()).value = 0;
  ExpectFail(kName, other.history(), "nonmonotonic-poll", kNoJob, {other.last()});  // another process was told
  before.DataLoss(0, "parse").Assign(0, "parse").Release(0, "parse").Assign(0, "parse");
  before.record(before.last()).value = 0;
  ExpectFail(kName, before.history(), "nonmonotonic-poll", kNoJob, {before.last()});  // it has started since
}

TEST(LogConsistency, Unseen) {
  for (bool queues : {false, true}) {
    Log t(queues);
    t.b.Deliver(0, "parse", t.in[0]).Deliver(0, "parse", t.in[1]);
    ExpectPass(kName, t.b.history());  // not at rest
    HistoryBuilder all = t.b, gone = t.b;
    t.b.Quiet();
    ExpectFail(kName, t.b.history(), "unseen", t.jobs[2], {t.appended[2]});
    all.Deliver(0, "parse", t.in[2]).Quiet();
    ExpectPass(kName, all.history());
    gone.Destroy("parse", t.in[2]).Quiet();
    ExpectPass(kName, gone.history());
  }
}

TEST(LogConsistency, LostWrite) {
  Log t;
  const uint32_t out = t.b.Derive(t.in[0], "parse", "clean");
  t.b.Publish(0, "parse", out).Confirm(0, "parse", out);
  ExpectFail(kName, t.b.history(), "lost-write", t.jobs[0], {t.b.last()});
}

TEST(LogConsistency, NonmonotonicSend) {
  Log t;
  const uint32_t one = t.b.Derive(t.in[0], "parse", "clean"), two = t.b.Derive(t.in[1], "parse", "clean");
  t.b.Publish(0, "parse", one).Publish(0, "parse", two);
  HistoryBuilder right = t.b, refused = t.b, apart = t.b;
  right.Append(one).Append(two).Append(one);
  ExpectPass(kName, right.history());
  refused.Confirm(0, "parse", one, 14).Append(two).Publish(0, "parse", one).Append(one);
  ExpectPass(kName, refused.history());
  apart.Partition(one, 1).Append(two).Append(one);
  ExpectPass(kName, apart.history());
  HistoryBuilder either = t.b;  // process 1 has made both in another order
  either.Publish(1, "parse", two).Publish(1, "parse", one).Append(two).Append(one);
  ExpectPass(kName, either.history());
  t.b.Append(two).Append(one);
  const uint32_t last = t.b.last();
  ExpectFail(kName, t.b.history(), "nonmonotonic-send", t.jobs[0], {last - 3, last - 2, last - 1, last});
}

// The same once more, before it is known what became of the first: one of the two was refused, and it is told late.
TEST(LogConsistency, SentTwiceAndRefusedOnce) {
  Log t(/*queues=*/true);
  const uint32_t one = t.b.Derive(t.in[0], "parse", "clean"), two = t.b.Derive(t.in[1], "parse", "clean");
  t.b.Publish(0, "parse", one).Publish(0, "parse", two);
  const uint32_t first = t.b.last() - 1, second = t.b.last();
  HistoryBuilder again = t.b;
  again.Publish(0, "parse", one).Append(two).Append(one);
  HistoryBuilder refused = again;
  refused.Confirm(0, "parse", one, 14).Confirm(0, "parse", two).Confirm(0, "parse", one);
  ExpectPass(kName, refused.history());
  // Both were taken: the first should have been in front.
  HistoryBuilder taken = again;
  const uint32_t last = again.last();
  taken.Append(one).Confirm(0, "parse", one).Confirm(0, "parse", two).Confirm(0, "parse", one);
  ExpectFail(kName, taken.history(), "nonmonotonic-send", t.jobs[0], {first, second, last - 1, last});
  // What is refused later has nothing to do with it.
  taken.Publish(0, "parse", one).Confirm(0, "parse", one, 14);
  ExpectFail(kName, taken.history(), "nonmonotonic-send", t.jobs[0], {first, second, last - 1, last});
  // Sent once and refused behind its append: nothing like that happens to it.
  HistoryBuilder once = t.b;
  once.Append(two).Append(one).Confirm(0, "parse", one, 14);
  ExpectFail(kName, once.history(), "nonmonotonic-send", t.jobs[0], {first, second, second + 1, second + 2});
}

// parse puts into transactions what store reads.
struct Transactions {
  HistoryBuilder b;
  uint32_t jobs[2], one, two;
  Transactions() {
    b.Topic("raw").Topic("clean", 2).Topic("dead").DeadLetters();
    b.Stage("parse", "raw", {"clean"}, "dead").ExactlyOnce().Stage("store", "clean", {}, "dead").Sink();
    for (uint32_t& job : jobs) {
      job = b.Job("j" + std::to_string(&job - jobs), "raw");
      b.Feed(job);
    }
    b.Assign(0, "parse");
    one = b.Derive(b.Input(jobs[0]), "parse", "clean");
    two = b.Derive(b.Input(jobs[1]), "parse", "clean");
  }
};

TEST(LogConsistency, WhatIsReadHadBeenCommitted) {
  Transactions t;
  t.b.Publish(0, "parse", t.one).AppendIn(1, t.one);
  HistoryBuilder right = t.b, aborted = t.b;
  right.Ended(1, 0, "parse").Committed("store", 0, 1);
  ExpectPass(kName, right.history());
  aborted.Committed("store", 0, 1).Ended(1, 0, "parse", false);
  ExpectPass(kName, aborted.history());
  t.b.Committed("store", 0, 1).Ended(1, 0, "parse");
  const uint32_t last = t.b.last();
  ExpectFail(kName, t.b.history(), "G1c", t.jobs[0], {last - 2, last});
}

}  // namespace
}  // namespace millrace::sim
