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

TEST(LogConsistency, NonmonotonicPoll) {
  Log t;
  t.b.Deliver(0, "parse", t.in[0]).Deliver(0, "parse", t.in[1]).Deliver(0, "parse", t.in[0]);
  ExpectFail(kName, t.b.history(), "nonmonotonic-poll", t.jobs[0], {t.b.last() - 1, t.b.last()});
  Log queue(/*queues=*/true);
  queue.b.Deliver(0, "parse", queue.in[0]).Deliver(0, "parse", queue.in[1]);
  queue.b.record(queue.b.last()).sequence = 0;
  ExpectFail(kName, queue.b.history(), "nonmonotonic-poll", queue.jobs[1], {queue.b.last() - 1, queue.b.last()});
}

TEST(LogConsistency, PollSkip) {
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

}  // namespace
}  // namespace millrace::sim
