#include "bus/kafka/core/transaction_call.h"

namespace millrace::bus {

KafkaTransactionVerdict Judge(KafkaTransactionCall call, const KafkaTransactionAnswer& answer, Duration patience) {
  if (!answer.failed) return KafkaTransactionVerdict::kDone;
  if (answer.fatal) return KafkaTransactionVerdict::kLost;
  const bool resumes = answer.retriable && !(call == KafkaTransactionCall::kOffsets && answer.timed_out);
  const bool again = resumes || (answer.requires_abort && call == KafkaTransactionCall::kAbort);
  if (again && patience > Duration::zero()) return KafkaTransactionVerdict::kAgain;
  if (answer.requires_abort && call == KafkaTransactionCall::kOffsets) return KafkaTransactionVerdict::kRefused;
  return KafkaTransactionVerdict::kLost;
}

}  // namespace millrace::bus
