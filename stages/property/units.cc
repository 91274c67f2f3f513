#include "stages/property/units.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace millrace::property {
namespace {

std::string Named(const std::string& currency) { return currency.empty() ? "no currency" : currency; }

// In 1e-12 m²: exact for every unit, and within 128 bits for every int64.
absl::StatusOr<__int128> Exact(const Area& area) {
  if (!area.has_ten_thousandths()) return absl::InvalidArgumentError("area without a value");
  const std::optional<AreaUnit> unit = ParseAreaUnit(area.units());
  if (!unit) {
    return absl::InvalidArgumentError(absl::StrCat("area without a known unit (", area.units(), ")"));
  }
  const __int128 amount = area.ten_thousandths();
  switch (*unit) {
    case AreaUnit::kSquareMeters:
      return amount * 100'000'000;
    case AreaUnit::kSquareFeet:
      return amount * kSquareMetersE8PerSquareFoot;
    case AreaUnit::kAcres:
      return amount * kSquareFeetPerAcre * kSquareMetersE8PerSquareFoot;
  }
  return absl::InternalError("area unit out of range");
}

}  // namespace

template <class Currency>
absl::StatusOr<Amount<Currency>> AmountIn(const Money& money) {
  if (std::string_view(money.currency()) != Currency::kCode) {
    return absl::InvalidArgumentError(
        absl::StrCat("amount in ", Named(money.currency()), " where ", std::string(Currency::kCode), " is meant"));
  }
  return Amount<Currency>{money.minor_units()};
}

template absl::StatusOr<Amount<Usd>> AmountIn<Usd>(const Money& money);
template absl::StatusOr<Amount<Cad>> AmountIn<Cad>(const Money& money);

absl::StatusOr<std::strong_ordering> CompareMoney(const Money& a, const Money& b) {
  if (a.currency() != b.currency() || a.currency().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("amounts in ", Named(a.currency()), " and ", Named(b.currency()), " cannot be compared"));
  }
  return a.minor_units() <=> b.minor_units();
}

std::string_view CurrencyOf(std::string_view country) {
  if (country == "US") return Usd::kCode;
  if (country == "CA") return Cad::kCode;
  return {};
}

std::optional<AreaUnit> ParseAreaUnit(std::string_view text) {
  if (text == "Square Feet") return AreaUnit::kSquareFeet;
  if (text == "Square Meters") return AreaUnit::kSquareMeters;
  if (text == "Acres") return AreaUnit::kAcres;
  return std::nullopt;
}

absl::StatusOr<std::strong_ordering> CompareAreas(const Area& a, const Area& b) {
  absl::StatusOr<__int128> left = Exact(a), right = Exact(b);
  if (!left.ok()) return left.status();
  if (!right.ok()) return right.status();
  if (*left == *right) return std::strong_ordering::equal;
  return *left < *right ? std::strong_ordering::less : std::strong_ordering::greater;
}

absl::StatusOr<double> SquareMeters(const Area& area) {
  absl::StatusOr<__int128> exact = Exact(area);
  if (!exact.ok()) return exact.status();
  return static_cast<double>(*exact) / 1e12;
}

}  // namespace millrace::property
