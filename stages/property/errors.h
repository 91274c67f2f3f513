// How a record is refused: one sentence that names the field, what was expected, and last, behind "; found ", what was
// there. What stands before
// "; found" is the same for the same fault in every record, so that reasons can be grouped.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_ERRORS_H_
#define MILLRACE_STAGES_PROPERTY_ERRORS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::property {

// `text` in quotes for people: control characters escaped, invalid UTF-8 as hexadecimal, the rest cut after 60 bytes.
std::string Quoted(std::string_view text);

// InvalidArgument "<field>: <what>".
absl::Status Bad(std::string_view field, std::string_view what);
// InvalidArgument "<field>: <what>; found "<found>"".
absl::Status Bad(std::string_view field, std::string_view what, std::string_view found);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_ERRORS_H_
