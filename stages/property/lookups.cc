#include "stages/property/lookups.h"

#include <algorithm>

namespace millrace::property {
namespace {

constexpr std::string_view kStandardStatuses[] = {"Active",      "Active Under Contract",
                                                  "Canceled",    "Closed",
                                                  "Coming Soon", "Delete",
                                                  "Expired",     "Hold",
                                                  "Incomplete",  "Pending",
                                                  "Withdrawn"};
constexpr std::string_view kPropertyTypes[] = {
    "Business Opportunity", "Commercial Lease",   "Commercial Sale",  "Farm", "Land", "Manufactured In Park",
    "Residential",          "Residential Income", "Residential Lease"};
constexpr std::string_view kDirections[] = {"E", "N", "NE", "NW", "S", "SE", "SW", "W", "NO", "O", "SO"};
constexpr size_t kEnglishDirections = 8;
constexpr std::string_view kAreaUnits[] = {"Square Feet", "Square Meters", "Acres"};

}  // namespace

std::span<const std::string_view> StandardStatuses() { return kStandardStatuses; }

std::span<const std::string_view> PropertyTypes() { return kPropertyTypes; }

std::span<const std::string_view> StreetDirections(bool canada) {
  return std::span(kDirections).first(canada ? std::size(kDirections) : kEnglishDirections);
}

std::span<const std::string_view> LivingAreaUnitNames() { return std::span(kAreaUnits).first(2); }

std::span<const std::string_view> LotSizeUnitNames() { return kAreaUnits; }

bool IsIn(std::span<const std::string_view> lookup, std::string_view value) {
  return std::find(lookup.begin(), lookup.end(), value) != lookup.end();
}

}  // namespace millrace::property
