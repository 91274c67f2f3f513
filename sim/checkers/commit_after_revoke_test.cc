#include "sim/checkers/judge.h"

namespace millrace::sim {
namespace {

constexpr char kName[] = "commit-after-revoke";

struct Held {
  HistoryBuilder b = TwoStages();
  uint32_t job = 0, in = 0, assigned = 0;
  Held() {
    job = b.Job("a", "raw");
    in = b.Input(job);
    b.Feed(job).Assign(0, "parse");
    assigned = b.last();
    b.Deliver(0, "parse", in);
  }
};

TEST(CommitAfterRevoke, UntilItReleases) {
  Held t;
  t.b.Revoke(0, "parse").Settle(0, "parse", t.in).Commit(0, "parse", 0, 1).Release(0, "parse");
  t.b.Committed("parse", 0, 1);  // sent before, taken after
  ExpectPass(kName, t.b.history());
}

TEST(CommitAfterRevoke, AfterReleaseLossAndCrash) {
  Held released;
  released.b.Release(0, "parse").Commit(0, "parse", 0, 1);
  ExpectFail(kName, released.b.history(), "after release", kNoJob,
             {released.assigned, released.b.last() - 1, released.b.last()});
  Held lost;
  lost.b.Lose(0, "parse").Settle(0, "parse", lost.in);
  ExpectFail(kName, lost.b.history(), "after loss", lost.job, {lost.assigned, lost.b.last() - 1, lost.b.last()});
  Held dead;
  dead.b.Crash(0).Settle(0, "parse", dead.in);
  ExpectFail(kName, dead.b.history(), "after its holding had ended", dead.job,
             {dead.assigned, dead.b.last() - 1, dead.b.last()});
}

TEST(CommitAfterRevoke, AnEpochThatWasNeverAssigned) {
  Held t;
  t.b.Settle(1, "parse", t.in);
  ExpectFail(kName, t.b.history(), "an epoch that was never assigned", t.job, {t.b.last()});
}

TEST(CommitAfterRevoke, ALaterHoldingDoesNotCoverAnEarlierOne) {
  Held t;
  t.b.Release(0, "parse");
  const uint32_t released = t.b.last();
  t.b.Assign(0, "parse").Settle(0, "parse", t.in);
  ExpectPass(kName, t.b.history());
  t.b.record(t.b.last()).epoch = t.b.record(t.assigned).epoch;
  ExpectFail(kName, t.b.history(), "after release", t.job, {t.assigned, released, t.b.last()});
}

}  // namespace
}  // namespace millrace::sim
