// How two results of one stage for one message differ: the first part that does, with both values as people can read them.
//
//   if (const auto difference = FirstDifference(first, second)) Print(difference->what);   // "the body of output 2 to parsed"
//
// Threading: pure functions.
#ifndef MILLRACE_SIM_GUARD_DIFFERENCE_H_
#define MILLRACE_SIM_GUARD_DIFFERENCE_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "stages/outputs.h"

namespace millrace::sim {

struct Difference {
  std::string what, first, second;
  std::string name;  // of the output, where it has one
};

using Part = std::pair<std::string_view, std::optional<std::string_view>>;
// "the key", "the body", … with their values, in a fixed order.
std::array<Part, 8> PartsOf(const stages::Emission& emission);
// "the body of output 2 to parsed".
std::string NameOfPart(std::string_view part, size_t output, std::string_view to);

// nullopt where the values are equal. Long ones are cut down to where they differ.
std::optional<Difference> Differ(std::string what, std::optional<std::string_view> first,
                                 std::optional<std::string_view> second);
std::optional<Difference> FirstDifference(const stages::Outputs& first, const stages::Outputs& second);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_GUARD_DIFFERENCE_H_
