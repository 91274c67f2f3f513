// "Did you mean …": the name that somebody probably wanted to write.
#ifndef MILLRACE_STAGES_SUGGEST_H_
#define MILLRACE_STAGES_SUGGEST_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace::stages {

// The nearest of `known` by edits (insert, delete, replace, swap neighbours), if it is near enough to be what was
// meant; else empty. The first of several that are as near.
std::string Nearest(std::string_view name, const std::vector<std::string>& known);

// What to do about an unknown name: `did you mean "x"?`, or `known: a, b`, or `there are none`.
std::string Suggest(std::string_view name, const std::vector<std::string>& known);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_SUGGEST_H_
