// Receipts: who can tell which jobs have ended, in the sink's own record. A port that keeps receipts (a store, in the
// transaction of its effect) implements ReceiptSource besides its own interface; the ledger reads it after the run.
//
// Jobs that end in a stage without a store leave a receipt on the pipeline's receipts topic: a message with ce_type
// kReceiptType, ce_subject the id of the message that ended, ce_source the stage, mr_root and mr_share of the job, and
// the reason as body.
#ifndef MILLRACE_STAGES_RECEIPTS_H_
#define MILLRACE_STAGES_RECEIPTS_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::stages {

inline constexpr std::string_view kReceiptType = "millrace.receipt";

struct Receipt {
  std::string_view id;      // of the message that ended here
  std::string_view root;    // the accepted job it descends from
  std::string_view share;   // which part of that job; empty: all of it
  std::string_view reason;  // "stored", "superseded", "dropped: …"
  std::string_view digest;  // of the content under that id: the same id with another digest is an alarm
};

class ReceiptSource {
 public:
  virtual ~ReceiptSource() = default;
  // Calls back for each receipt, in no special order; streams, so that memory does not grow with their number.
  virtual absl::Status ForEachReceipt(const std::function<void(const Receipt&)>& callback) = 0;
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_RECEIPTS_H_
