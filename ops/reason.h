// Reasons of dead letters, so that a thousand of a kind are one line of a table.
#ifndef MILLRACE_OPS_REASON_H_
#define MILLRACE_OPS_REASON_H_

#include <string>
#include <string_view>

namespace millrace::ops {

// A status as a dead letter carries it, "INVALID_ARGUMENT: PostalCode: not of this province; found "V1V 1V1"", in its
// parts. Views into it.
struct Reason {
  std::string_view code;   // "INVALID_ARGUMENT"; may be empty
  std::string_view field;  // "PostalCode": the first word where ": " follows; may be empty
  std::string_view text;   // the rest
};
Reason SplitReason(std::string_view status);

// The text with its values masked: what is quoted becomes "…", a number N; at most 200 bytes.
std::string MaskValues(std::string_view text);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_REASON_H_
