// What becomes of a transaction's session by what librdkafka answers to a call: go on, ask again, abort, or give the
// handle up.
//
// The rule for a commit is the strictest. librdkafka repeats EndTxn by itself, so that whatever it says in the end but
// success, fencing included, may be the answer to a repetition of one that was taken. So the handle goes, its heir fences
// it, and what the group has committed tells (bus/memory/log_producer_transactions.cc).
//
// Calls are made with a short time-out, again and again: librdkafka resumes them, but for offsets, which it aborts when
// their time is up. It does not get out of each of its
// states by itself (2.0.2 waits for ever for an EndTxn that it has stopped repeating), so patience ends too.
//
// Threading: pure.
#ifndef MILLRACE_BUS_KAFKA_CORE_TRANSACTION_CALL_H_
#define MILLRACE_BUS_KAFKA_CORE_TRANSACTION_CALL_H_

#include <cstdint>

#include "bus/clock.h"

namespace millrace::bus {

enum class KafkaTransactionCall : uint8_t { kInit, kOffsets, kCommit, kAbort };

// librdkafka's answer (rd_kafka_error_t); all false: it was done.
struct KafkaTransactionAnswer {
  bool failed = false;
  bool timed_out = false;       // within the time-out of this call
  bool retriable = false;       // that is, by the same call
  bool requires_abort = false;  // by rd_kafka_abort_transaction, and then goes on
  bool fatal = false;           // the handle is done for
};

enum class KafkaTransactionVerdict : uint8_t {
  kDone,
  kAgain,
  kRefused,  // the broker does not take these offsets: what is left is to abort
  kLost,     // the handle is given up; its heir initialises under the same id
};

// `patience`: how much longer this may be asked.
KafkaTransactionVerdict Judge(KafkaTransactionCall call, const KafkaTransactionAnswer& answer, Duration patience);

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_KAFKA_CORE_TRANSACTION_CALL_H_
