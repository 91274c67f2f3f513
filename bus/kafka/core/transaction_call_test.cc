#include "bus/kafka/core/transaction_call.h"

#include <chrono>

#include "gtest/gtest.h"

namespace millrace::bus {
namespace {

using Call = KafkaTransactionCall;
using Verdict = KafkaTransactionVerdict;
using std::chrono::seconds;

constexpr Call kAll[] = {Call::kInit, Call::kOffsets, Call::kCommit, Call::kAbort};

TEST(KafkaTransactionCallTest, WhatWasDoneIsDone) {
  for (const Call call : kAll) EXPECT_EQ(Judge(call, {}, seconds(0)), Verdict::kDone);
}

TEST(KafkaTransactionCallTest, WhatIsRetriableIsAskedAgainUntilPatienceEnds) {
  for (const Call call : kAll) {
    const KafkaTransactionAnswer answer{.failed = true, .timed_out = call != Call::kOffsets, .retriable = true};
    EXPECT_EQ(Judge(call, answer, seconds(1)), Verdict::kAgain);
    EXPECT_EQ(Judge(call, answer, seconds(0)), Verdict::kLost);
  }
}

TEST(KafkaTransactionCallTest, AFatalErrorEndsTheHandle) {
  for (const Call call : kAll)
    EXPECT_EQ(Judge(call, {.failed = true, .retriable = true, .fatal = true}, seconds(1)), Verdict::kLost);
}

TEST(KafkaTransactionCallTest, OffsetsThatAreNotTakenLeaveOnlyAbort) {
  EXPECT_EQ(Judge(Call::kOffsets, {.failed = true, .requires_abort = true}, seconds(1)), Verdict::kRefused);
  // The group's coordinator did not answer in time: nothing is committed before EndTxn, and another call would wait as long.
  for (const auto left : {seconds(0), seconds(60)}) {
    EXPECT_EQ(
        Judge(Call::kOffsets, {.failed = true, .timed_out = true, .retriable = true, .requires_abort = true}, left),
        Verdict::kRefused);
    EXPECT_EQ(Judge(Call::kOffsets, {.failed = true, .timed_out = true, .retriable = true}, left), Verdict::kLost);
  }
}

// It may have been taken: whatever librdkafka makes of the answer to a repetition, only the group's offsets tell.
TEST(KafkaTransactionCallTest, ACommitThatFailsIsNeverTakenForOneThatWasNotTaken) {
  for (const KafkaTransactionAnswer answer : {KafkaTransactionAnswer{.failed = true},
                                              {.failed = true, .requires_abort = true},
                                              {.failed = true, .fatal = true}})
    EXPECT_EQ(Judge(Call::kCommit, answer, seconds(1)), Verdict::kLost);
}

TEST(KafkaTransactionCallTest, AnAbortThatFailsIsRepeated) {
  EXPECT_EQ(Judge(Call::kAbort, {.failed = true, .requires_abort = true}, seconds(1)), Verdict::kAgain);
  EXPECT_EQ(Judge(Call::kAbort, {.failed = true, .requires_abort = true}, seconds(0)), Verdict::kLost);
  EXPECT_EQ(Judge(Call::kAbort, {.failed = true}, seconds(1)), Verdict::kLost);
}

TEST(KafkaTransactionCallTest, WhoCannotInitialiseBeginsWithANewHandle) {
  EXPECT_EQ(Judge(Call::kInit, {.failed = true}, seconds(1)), Verdict::kLost);
}

}  // namespace
}  // namespace millrace::bus
