// Strict JSON (RFC 8259) for text that is kept as it is: a parser that skips a value doesn't look inside it.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_JSON_CHECK_H_
#define MILLRACE_STAGES_PROPERTY_JSON_CHECK_H_

#include <string>
#include <string_view>

namespace millrace::property {

// How deep arrays and objects may lie in each other.
inline constexpr int kJsonDepthMax = 64;

// What is wrong with `text` as one JSON value, blanks around it included; empty when it is well-formed. UTF-8 is not
// looked at.
std::string_view CheckJson(std::string_view text);

// Appends `text`, valid UTF-8, as a JSON string with its quotes.
void AppendJsonString(std::string_view text, std::string* out);

// Appends a CSV field as JSON: a number as it is written when it is one in JSON's grammar, else a string.
void AppendJsonScalar(std::string_view text, std::string* out);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_JSON_CHECK_H_
