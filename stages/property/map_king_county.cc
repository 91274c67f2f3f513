// King County, Washington: sales. Columns beyond the dictionary are kept in `extra` under their own names.
#include <string>

#include "absl/strings/str_cat.h"
#include "stages/property/csv_record.h"
#include "stages/property/decimal.h"
#include "stages/property/errors.h"
#include "stages/property/fields.h"
#include "stages/property/json_check.h"
#include "stages/property/mapping.h"
#include "stages/property/time_text.h"
#include "stages/property/units.h"

namespace millrace::property {
namespace {

constexpr std::string_view kColumns[] = {
    "id",       "date",         "price",   "bedrooms",  "bathrooms", "sqft_living",   "sqft_lot",
    "floors",   "waterfront",   "view",    "condition", "grade",     "sqft_above",    "sqft_basement",
    "yr_built", "yr_renovated", "zipcode", "lat",       "long",      "sqft_living15", "sqft_lot15"};
enum Column {
  kId,
  kDate,
  kPrice,
  kBedrooms,
  kBathrooms,
  kLiving,
  kLot,
  kYearBuilt = 14,
  kZip = 16,
  kLatitude,
  kLongitude
};
// What has no place of its own. Bathrooms are there too: the count that is made of them says less than "2.25".
constexpr int kExtra[] = {4, 7, 8, 9, 10, 11, 12, 13, 15, 19, 20};

constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr size_t kParcelDigits = 10;

bool IsParcel(std::string_view id) {
  return id.size() == kParcelDigits && id.find_first_not_of("0123456789") == std::string_view::npos;
}

class KingCountyMapping : public Mapping {
 public:
  KingCountyMapping() : record_(kColumns) {
    const FieldIndex index;
    const auto bind = [&](Column column, std::string_view name) {
      bound_.push_back(
          {&index.Get(name), column, absl::StrCat(std::string(name), " (", std::string(kColumns[column]), ")")});
    };
    bind(kDate, "CloseDate");
    bind(kPrice, "ClosePrice");
    bind(kBedrooms, "BedroomsTotal");
    bind(kLiving, "LivingArea");
    bind(kLot, "LotSizeArea");
    bind(kYearBuilt, "YearBuilt");
    bind(kZip, "PostalCode");
    bind(kLatitude, "Latitude");
    bind(kLongitude, "Longitude");
  }

  absl::Status Map(std::string_view raw, Listing& listing) override {
    if (absl::Status split = record_.Split(raw); !split.ok()) return split;
    if (absl::Status set = SetIdentity(listing); !set.ok()) return set;
    for (const Bound& bound : bound_) {
      if (absl::Status set = SetField(*bound.field, bound.name, record_[bound.column], listing); !set.ok()) return set;
    }
    if (listing.has_close_price()) listing.mutable_close_price()->mutable_currency()->assign(Usd::kCode);
    if (listing.has_living_area()) listing.mutable_living_area()->set_units("Square Feet");
    if (listing.has_lot_size_area()) listing.mutable_lot_size_area()->set_units("Square Feet");
    if (absl::Status set = SetBathrooms(listing); !set.ok()) return set;
    for (int column : kExtra) {
      ExtraField& extra = *listing.add_extra();
      extra.mutable_name()->assign(kColumns[column]);
      AppendJsonScalar(record_[column], extra.mutable_json());
    }
    return absl::OkStatus();
  }

  std::string_view KeyOf(const Listing& listing) const override { return listing.parcel_number(); }

 private:
  struct Bound {
    const Field* field;
    Column column;
    std::string name;  // in errors: "ClosePrice (price)"
  };

  absl::Status SetIdentity(Listing& listing) {
    const std::string_view id = record_[kId];
    if (!IsParcel(id)) return Bad("ParcelNumber (id)", "expected a parcel number of 10 digits", id);
    const std::optional<CivilDay> day = ParseDay(record_[kDate]);
    if (!day) return Bad("CloseDate (date)", "expected a date (YYYYMMDDT000000)", record_[kDate]);
    listing.mutable_parcel_number()->assign(id);
    std::string& upi = *listing.mutable_universal_property_id();
    upi.assign("urn:reso:upi:2.0:US:53033:");
    upi.append(id);
    std::string& key = *listing.mutable_listing_key();
    key.assign(id);
    key += '-';
    key += FormatDay(*day);
    Origin& origin = *listing.mutable_origin();
    origin.set_system("king_county");
    origin.set_key(key);
    origin.set_kind(Origin::SALE);
    listing.set_standard_status("Closed");
    listing.set_property_type("Residential");
    listing.set_modification_timestamp_us(day->days * kMicrosPerDay);
    listing.set_county_or_parish("King");
    listing.set_state_or_province("WA");
    listing.set_country("US");
    return absl::OkStatus();
  }

  // "2.25" is two full baths and a quarter one. The dictionary's total is the plain number of rooms: 3.
  absl::Status SetBathrooms(Listing& listing) {
    const std::string_view text = record_[kBathrooms];
    if (text.empty()) return absl::OkStatus();
    constexpr int kDecimals = 2;
    const Decimal rooms = ParseDecimal(text, kDecimals, 6);
    if (rooms.error != DecimalError::kNone || rooms.value < 0 || rooms.value % 25 != 0) {
      return Bad("BathroomsTotalInteger (bathrooms)", "expected a number of baths in quarters", text);
    }
    const int32_t full = static_cast<int32_t>(rooms.value / 100),
                  quarters = static_cast<int32_t>(rooms.value % 100 / 25);
    listing.set_bathrooms_total_integer(full + (quarters != 0 ? 1 : 0));
    listing.set_bathrooms_full(full);
    if (quarters == 1) listing.set_bathrooms_one_quarter(1);
    if (quarters == 2) listing.set_bathrooms_half(1);
    if (quarters == 3) listing.set_bathrooms_three_quarter(1);
    return absl::OkStatus();
  }

  CsvRecord record_;
  std::vector<Bound> bound_;
};

}  // namespace

std::span<const std::string_view> KingCountyColumns() { return kColumns; }

std::unique_ptr<Mapping> MakeKingCountyMapping() { return std::make_unique<KingCountyMapping>(); }

}  // namespace millrace::property
