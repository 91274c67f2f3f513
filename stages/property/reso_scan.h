// Finds the ends of JSON values without parsing them: enough to take a page apart, whatever is inside its elements. No
// recursion, no copy: nesting of any depth costs a counter. What is between the brackets is the parser's to judge.
//
// Threading: values.
#ifndef MILLRACE_STAGES_PROPERTY_RESO_SCAN_H_
#define MILLRACE_STAGES_PROPERTY_RESO_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::property {

inline bool IsJsonBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Follows one value through chunks of text:
//
//   JsonSkipper skipper;
//   size_t used = skipper.Skip(chunk);        // bytes of the chunk that belong to the value
//   if (skipper.done()) ...                   // else all of the chunk was used: go on with the next one, or the text
//   ends in the middle
class JsonSkipper {
 public:
  size_t Skip(std::string_view chunk);
  // The value is complete. A number or literal is known to be complete only at the byte behind it.
  bool done() const { return done_; }
  // The text began with what begins no value.
  bool bad() const { return bad_; }

 private:
  uint64_t depth_ = 0;
  bool in_string_ = false, escaped_ = false, scalar_ = false;
  bool done_ = false, bad_ = false;
};

// The text of a member's value near the front of an object's text, where it is a string without escapes or a number:
// `name` is looked for as a member name at any depth, the first counts. Good enough for choosing a partition, not for
// meaning.
std::optional<std::string_view> FindPlainMember(std::string_view object, std::string_view name);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_RESO_SCAN_H_
