// What generated sequences call groups, and write into messages.
#ifndef MILLRACE_TESTS_CONFORMANCE_GENERATED_NAMES_H_
#define MILLRACE_TESTS_CONFORMANCE_GENERATED_NAMES_H_

#include <cstdint>
#include <sstream>
#include <string>

namespace millrace::conformance {

inline std::string Group(int group) { return "g" + std::to_string(group); }

// "feeder/partition/number"
struct Text {
  size_t feeder = 0;
  int32_t partition = 0;
  int64_t number = 0;
};

inline std::string Make(const Text& t) {
  return std::to_string(t.feeder) + "/" + std::to_string(t.partition) + "/" + std::to_string(t.number);
}

inline bool Parse(const std::string& text, Text& t) {
  std::istringstream in(text);
  char slash = 0, slash_too = 0;
  return static_cast<bool>(in >> t.feeder >> slash >> t.partition >> slash_too >> t.number) && slash == '/' &&
         slash_too == '/' && in.eof();
}

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_GENERATED_NAMES_H_
