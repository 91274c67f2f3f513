#include "stages/property/checks.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "stages/property/country.h"
#include "stages/property/errors.h"
#include "stages/property/fields.h"
#include "stages/property/lookups.h"
#include "stages/property/units.h"

namespace millrace::property {
namespace {

// Beyond these a value is odd, not impossible.
constexpr int kBedroomsPlausibleMax = 20;
constexpr int kBathroomsPlausibleMax = 30;
constexpr int kYearBuiltPlausibleMin = 1600;
constexpr int kYearsAheadPlausible = 5;  // of the day of the record: sold before it is built
constexpr double kLivingAreaPlausibleMin = 9.0;
constexpr double kLivingAreaPlausibleMax = 10'000.0;  // square metres both
constexpr int64_t kDegree = 100'000'000;              // in the 1e-8 degrees of the record
constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr std::string_view kUpiPrefix = "urn:reso:upi:";

// Characters of valid UTF-8.
size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

absl::Status CheckLengths(const Listing& listing) {
  for (const Field& field : AllFields()) {
    if (field.length_max == 0 || field.text_value == nullptr) continue;
    const std::string& text = (listing.*field.text_value)();
    if (text.size() <= static_cast<size_t>(field.length_max)) continue;
    if (CountCharacters(text) > static_cast<size_t>(field.length_max)) {
      return Bad(field.name, absl::StrCat("longer than ", field.length_max, " characters"), text);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLookup(std::string_view field, std::span<const std::string_view> lookup, std::string_view value) {
  if (value.empty() || IsIn(lookup, value)) return absl::OkStatus();
  return Bad(field, "not in the dictionary's list", value);
}

absl::Status CheckLookups(const Listing& listing) {
  const bool canada = listing.country() == "CA";
  absl::Status status = CheckLookup("StandardStatus", StandardStatuses(), listing.standard_status());
  if (status.ok()) status = CheckLookup("PropertyType", PropertyTypes(), listing.property_type());
  if (status.ok()) status = CheckLookup("StreetDirPrefix", StreetDirections(canada), listing.street_dir_prefix());
  if (status.ok()) status = CheckLookup("StreetDirSuffix", StreetDirections(canada), listing.street_dir_suffix());
  if (status.ok()) status = CheckLookup("LivingAreaUnits", LivingAreaUnitNames(), listing.living_area().units());
  if (status.ok()) status = CheckLookup("LotSizeUnits", LotSizeUnitNames(), listing.lot_size_area().units());
  return status;
}

absl::Status CheckMoney(std::string_view field, bool has, const Money& money, Listing& listing) {
  if (!has) return absl::OkStatus();
  if (money.minor_units() < 0) return Bad(field, "negative");
  if (money.currency().empty()) return Bad(field, "no currency, and no country that says which");
  if (money.currency() != Usd::kCode && money.currency() != Cad::kCode) {
    return Bad(field, "expected the currency USD or CAD", money.currency());
  }
  if (money.currency() != CurrencyOf(listing.country())) {
    AddFinding(listing, field, "currency", "not the currency of the record's country");
  }
  if (money.minor_units() == 0 && field != "project_value") AddFinding(listing, field, "zero", "a price of nothing");
  return absl::OkStatus();
}

absl::Status CheckPrices(Listing& listing) {
  absl::Status status = CheckMoney("ListPrice", listing.has_list_price(), listing.list_price(), listing);
  if (status.ok()) {
    status = CheckMoney("OriginalListPrice", listing.has_original_list_price(), listing.original_list_price(), listing);
  }
  if (status.ok()) status = CheckMoney("ClosePrice", listing.has_close_price(), listing.close_price(), listing);
  if (status.ok()) status = CheckMoney("project_value", listing.has_project_value(), listing.project_value(), listing);
  return status;
}

absl::Status CheckCount(std::string_view field, bool has, int32_t count, int32_t plausible_max, Listing& listing) {
  if (!has) return absl::OkStatus();
  if (count < 0) return Bad(field, "negative", absl::StrCat(count));
  if (count > plausible_max) {
    AddFinding(listing, field, "implausible", absl::StrCat(count, " is more than ", plausible_max));
  }
  return absl::OkStatus();
}

absl::Status CheckRooms(Listing& listing) {
  absl::Status status = CheckCount("BedroomsTotal", listing.has_bedrooms_total(), listing.bedrooms_total(),
                                   kBedroomsPlausibleMax, listing);
  if (!status.ok()) return status;
  if (listing.has_bedrooms_total() && listing.bedrooms_total() == 0 && listing.property_type() == "Residential") {
    AddFinding(listing, "BedroomsTotal", "zero", "a home without a bedroom");
  }
  const auto check_baths = [&](std::string_view field, bool has, int32_t count) {
    if (status.ok()) status = CheckCount(field, has, count, kBathroomsPlausibleMax, listing);
  };
  check_baths("BathroomsTotalInteger", listing.has_bathrooms_total_integer(), listing.bathrooms_total_integer());
  check_baths("BathroomsFull", listing.has_bathrooms_full(), listing.bathrooms_full());
  check_baths("BathroomsThreeQuarter", listing.has_bathrooms_three_quarter(), listing.bathrooms_three_quarter());
  check_baths("BathroomsHalf", listing.has_bathrooms_half(), listing.bathrooms_half());
  check_baths("BathroomsOneQuarter", listing.has_bathrooms_one_quarter(), listing.bathrooms_one_quarter());
  if (!status.ok()) return status;
  const int64_t parts = int64_t{listing.bathrooms_full()} + listing.bathrooms_three_quarter() +
                        listing.bathrooms_half() + listing.bathrooms_one_quarter();
  if (listing.has_bathrooms_total_integer() && parts > listing.bathrooms_total_integer()) {
    AddFinding(listing, "BathroomsTotalInteger", "inconsistent", "less than the sum of its parts");
  }
  return absl::OkStatus();
}

absl::Status CheckArea(std::string_view field, std::string_view units_field, bool has, const Area& area,
                       Listing& listing) {
  if (!has || !area.has_ten_thousandths()) return absl::OkStatus();
  if (area.ten_thousandths() < 0) return Bad(field, "negative");
  if (area.units().empty()) AddFinding(listing, units_field, "missing", "an area without its unit");
  return absl::OkStatus();
}

absl::Status CheckAreas(Listing& listing) {
  absl::Status status =
      CheckArea("LivingArea", "LivingAreaUnits", listing.has_living_area(), listing.living_area(), listing);
  if (status.ok()) {
    status = CheckArea("LotSizeArea", "LotSizeUnits", listing.has_lot_size_area(), listing.lot_size_area(), listing);
  }
  if (!status.ok()) return status;
  if (listing.property_type() != "Residential" || !listing.has_living_area()) return absl::OkStatus();
  const absl::StatusOr<double> living = SquareMeters(listing.living_area());
  if (living.ok() && (*living < kLivingAreaPlausibleMin || *living > kLivingAreaPlausibleMax)) {
    AddFinding(listing, "LivingArea", "implausible", "less than 9 or more than 10,000 square metres");
  }
  return absl::OkStatus();
}

absl::Status CheckPosition(Listing& listing) {
  if (listing.has_latitude_e8() != listing.has_longitude_e8()) {
    AddFinding(listing, listing.has_latitude_e8() ? "Longitude" : "Latitude", "missing", "half a position");
  }
  if (listing.latitude_e8() < -90 * kDegree || listing.latitude_e8() > 90 * kDegree) {
    return Bad("Latitude", "not between -90 and 90");
  }
  if (listing.longitude_e8() < -180 * kDegree || listing.longitude_e8() > 180 * kDegree) {
    return Bad("Longitude", "not between -180 and 180");
  }
  // From Guam and Samoa to Ellesmere Island and Newfoundland; the Pacific islands lie in the east.
  const bool south = listing.latitude_e8()<-15 * kDegree, north = listing.latitude_e8()> 84 * kDegree;
  const bool between = listing.longitude_e8() > -52 * kDegree && listing.longitude_e8() < 131 * kDegree;
  if (listing.has_latitude_e8() && listing.has_longitude_e8() && (south || north || between)) {
    AddFinding(listing, "Latitude", "implausible", "a position outside the United States and Canada");
  }
  return absl::OkStatus();
}

void CheckYearBuilt(Listing& listing) {
  if (!listing.has_year_built()) return;
  // Days to years by the mean Gregorian year: near enough for what is plausible.
  const int64_t record_year = 1970 + listing.modification_timestamp_us() / kMicrosPerDay * 400 / 146'097;
  if (listing.year_built() < kYearBuiltPlausibleMin || listing.year_built() > record_year + kYearsAheadPlausible) {
    AddFinding(listing, "YearBuilt", "implausible", "before 1600, or more than five years after the record");
  }
}

// What belongs together: dates in order, a closed sale with its date, a listing with its status and type.
void CheckTogether(Listing& listing) {
  const bool is_listing = listing.origin().kind() == Origin::LISTING;
  if (is_listing && listing.standard_status().empty())
    AddFinding(listing, "StandardStatus", "missing", "a listing without status");
  if (is_listing && listing.property_type().empty())
    AddFinding(listing, "PropertyType", "missing", "a listing without type");
  if (listing.standard_status() == "Closed" && listing.close_date().empty()) {
    AddFinding(listing, "CloseDate", "missing", "a closed sale without date");
  }
  if (!listing.close_date().empty() && listing.close_date() < listing.listing_contract_date()) {
    AddFinding(listing, "CloseDate", "inconsistent", "before ListingContractDate");
  }
  if (!listing.universal_property_id().empty() && listing.universal_property_id().rfind(kUpiPrefix, 0) != 0) {
    AddFinding(listing, "UniversalPropertyId", "format", "not urn:reso:upi:…");
  }
}

bool EqualLetters(std::string_view city, std::string_view upper) {
  if (city.size() != upper.size()) return false;
  for (size_t i = 0; i < city.size(); ++i) {
    const char c = city[i] >= 'a' && city[i] <= 'z' ? static_cast<char>(city[i] - 32) : city[i];
    if (c != upper[i]) return false;
  }
  return true;
}

absl::Status CheckIdentity(const Listing& listing) {
  if (listing.listing_key().empty()) return Bad("ListingKey", "missing");
  if (!listing.has_modification_timestamp_us()) return Bad("ModificationTimestamp", "missing");
  return absl::OkStatus();
}

absl::Status CheckPlus4(const Listing& listing) {
  const std::string& plus4 = listing.postal_code_plus4();
  if (plus4.empty()) return absl::OkStatus();
  if (listing.country() != "US") return Bad("PostalCodePlus4", "only codes of the United States have one", plus4);
  if (plus4.size() != 4 || plus4.find_first_not_of("0123456789") != std::string::npos) {
    return Bad("PostalCodePlus4", "expected 4 digits", plus4);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RecordChecks::CheckPostalCode(Listing& listing) const {
  const std::string& code = listing.postal_code();
  if (code.empty()) {
    AddFinding(listing, "PostalCode", "missing", "no postal code");
    return CheckPlus4(listing);
  }
  if (const std::string_view* city = PlaceholderCity(code); city != nullptr && !EqualLetters(listing.city(), *city)) {
    return Bad("PostalCode", "a placeholder, not this address's code", code);
  }
  switch (postal_.Check(listing.country(), listing.state_or_province(), code)) {
    case PostalFault::kSyntax:
      return Bad("PostalCode", absl::StrCat("no postal code of ", listing.country()), code);
    case PostalFault::kNotOfState:
      return Bad("PostalCode", absl::StrCat("no postal code of ", listing.state_or_province()), code);
    case PostalFault::kUnknownState:
    case PostalFault::kNone:
      return CheckPlus4(listing);
  }
  return absl::OkStatus();
}

absl::Status RecordChecks::CheckPlace(Listing& listing) const {
  const bool has_position = listing.has_latitude_e8() && listing.has_longitude_e8();
  if (listing.unparsed_address().empty() && listing.street_name().empty() && listing.parcel_number().empty() &&
      listing.universal_property_id().empty() && !has_position) {
    return Bad("UnparsedAddress", "missing, and neither a parcel nor a position says which property this is about");
  }
  const std::string& state = listing.state_or_province();
  const std::string_view country_of_state = CountryOfState(state);
  if (!state.empty() && country_of_state.empty()) {
    return Bad("StateOrProvince", "no state of the United States and no province of Canada", state);
  }
  if (listing.country().empty()) {
    if (state.empty()) return Bad("Country", "missing, and no StateOrProvince says which");
    listing.mutable_country()->assign(country_of_state);
    AddFinding(listing, "Country", "derived", "missing; taken from StateOrProvince");
  }
  if (listing.country() != "US" && listing.country() != "CA")
    return Bad("Country", "expected US or CA", listing.country());
  if (state.empty()) {
    AddFinding(listing, "StateOrProvince", "missing", "no state or province");
  } else if (listing.country() != country_of_state) {
    return Bad("StateOrProvince", absl::StrCat("no state or province of ", listing.country()), state);
  }
  if (listing.city().empty() && listing.origin().kind() != Origin::SALE) {
    AddFinding(listing, "City", "missing", "no city");
  }
  return CheckPostalCode(listing);
}

absl::Status RecordChecks::Check(Listing& listing, bool* changed) const {
  const int findings = listing.finding_size();
  *changed = false;
  if (absl::Status status = CheckIdentity(listing); !status.ok()) return status;
  if (absl::Status status = CheckLengths(listing); !status.ok()) return status;
  // A request to delete needs no more than a key and a time.
  if (listing.deleted()) return absl::OkStatus();
  absl::Status status = CheckPlace(listing);
  if (status.ok()) status = CheckLookups(listing);
  if (status.ok()) status = CheckPrices(listing);
  if (status.ok()) status = CheckRooms(listing);
  if (status.ok()) status = CheckAreas(listing);
  if (status.ok()) status = CheckPosition(listing);
  if (!status.ok()) return status;
  CheckYearBuilt(listing);
  CheckTogether(listing);
  *changed = listing.finding_size() != findings;
  return absl::OkStatus();
}

}  // namespace millrace::property
