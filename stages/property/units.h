// Money and areas that cannot be mixed up.
//
//   Amount<Usd> price{122'500'000};
//   price < Amount<Cad>{...};                                  // does not compile
//   absl::StatusOr<std::strong_ordering> order = CompareMoney(a.list_price(), b.list_price());   // InvalidArgument for
//   USD against CAD CompareAreas(a.living_area(), b.living_area())             // exact across square feet, square
//   metres and acres
//
// There is no conversion between currencies anywhere: a rate is data of a day, not a property of a record.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_UNITS_H_
#define MILLRACE_STAGES_PROPERTY_UNITS_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "stages/property/listing.pb.h"

namespace millrace::property {

struct Usd {
  static constexpr std::string_view kCode = "USD";
};
struct Cad {
  static constexpr std::string_view kCode = "CAD";
};

// An amount whose currency is part of its type: arithmetic and comparison exist within one currency only.
template <class Currency>
struct Amount {
  int64_t minor_units = 0;

  friend constexpr auto operator<=>(const Amount&, const Amount&) = default;
  friend constexpr Amount operator+(Amount a, Amount b) { return {a.minor_units + b.minor_units}; }
  friend constexpr Amount operator-(Amount a, Amount b) { return {a.minor_units - b.minor_units}; }
};

// From a record to a type. Errors: InvalidArgument when the record's currency is another one, or unknown.
template <class Currency>
absl::StatusOr<Amount<Currency>> AmountIn(const Money& money);

// Errors: InvalidArgument when the currencies differ or one is unknown.
absl::StatusOr<std::strong_ordering> CompareMoney(const Money& a, const Money& b);

// "USD" for "US", "CAD" for "CA"; empty for any other country.
std::string_view CurrencyOf(std::string_view country);

enum class AreaUnit { kSquareFeet, kSquareMeters, kAcres };

// In the dictionary's spelling: "Square Feet", "Square Meters", "Acres".
std::optional<AreaUnit> ParseAreaUnit(std::string_view text);

// Both exact: 1 ft² = 0.09290304 m² (0.3048 m squared), 1 acre = 43,560 ft².
inline constexpr int64_t kSquareFeetPerAcre = 43'560;
inline constexpr int64_t kSquareMetersE8PerSquareFoot = 9'290'304;

// Errors: InvalidArgument when a value or unit is missing, or the unit unknown.
absl::StatusOr<std::strong_ordering> CompareAreas(const Area& a, const Area& b);
// For ratios and display: the nearest double. Errors: as above.
absl::StatusOr<double> SquareMeters(const Area& area);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_UNITS_H_
