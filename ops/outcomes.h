// How jobs ended, as lines of JSON that people and the ledger read: OUT/dead_letters.jsonl, OUT/receipts.jsonl and
// OUT/destroyed.jsonl.
//
// A dead letter: {"id", "root", "share", "stage", "field", "reason", "attempts", "source", "history": ["1 <time>
// <status>"], "digest", "key", "headers":
// [["name","value"]], "body"}; a receipt: {"id", "root", "share", "stage", "reason", "digest"}; what the bus destroyed:
// the same, where the stage is the group that had not settled it. What is not there is left out. Values that are no UTF-8 stand in base64 under the name with `_base64` behind it.
//
// Threading: functions.
#ifndef MILLRACE_OPS_OUTCOMES_H_
#define MILLRACE_OPS_OUTCOMES_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bus/message.h"

namespace millrace::ops {

// The line for a message of a dead-letter topic, appended to `line`. `place` ("topic/partition/offset") is its id where
// it carries none; `branch` that of the stage it failed in (StageSettings::branch), as a dead letter still has the
// share it came with.
void AppendDeadLetter(const bus::Message& message, std::string_view place, std::string_view branch, std::string* line);
// The line for a message of the receipts topic.
void AppendReceipt(const bus::Message& message, std::string_view place, std::string* line);

// The line for a record that was destroyed before `group` had settled it; `branch` as above.
void AppendDestroyed(const bus::Message& message, std::string_view place, std::string_view group,
                     std::string_view branch, std::string* line);

// What the ledger and the table want to know of a line. Views are valid during the call.
struct Outcome {
  std::string_view id;
  std::string_view root;
  std::string_view share;
  std::string_view digest;
  std::string_view stage;
  std::string_view field;
  std::string_view reason;
};

// Calls back for each line of such a file. DataLoss names file and line where one cannot be read; a file that is not
// there has none.
absl::Status ReadOutcomes(const std::string& path, const std::function<void(const Outcome&)>& callback);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_OUTCOMES_H_
