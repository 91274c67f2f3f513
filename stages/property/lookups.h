// The closed enumerations (lookups) of the Data Dictionary that the checks know, in its spelling.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_LOOKUPS_H_
#define MILLRACE_STAGES_PROPERTY_LOOKUPS_H_

#include <span>
#include <string_view>

namespace millrace::property {

std::span<const std::string_view> StandardStatuses();
std::span<const std::string_view> PropertyTypes();
// E N NE NW S SE SW W. In Canada also the French ones with Ouest: O NO SO.
std::span<const std::string_view> StreetDirections(bool canada);
std::span<const std::string_view> LivingAreaUnitNames();
std::span<const std::string_view> LotSizeUnitNames();

bool IsIn(std::span<const std::string_view> lookup, std::string_view value);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_LOOKUPS_H_
