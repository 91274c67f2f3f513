#include "stages/property/fields.h"

#include <optional>

#include "bus/check.h"
#include "stages/property/decimal.h"
#include "stages/property/errors.h"
#include "stages/property/time_text.h"

namespace millrace::property {
namespace {

#define MILLRACE_TEXT(dictionary_name, accessor, length)                                                           \
  Field {                                                                                                          \
    .name = dictionary_name, .kind = FieldKind::kText, .length_max = length, .text = &Listing::mutable_##accessor, \
    .text_value = &Listing::accessor                                                                               \
  }
#define MILLRACE_MONEY(dictionary_name, accessor)                                    \
  Field {                                                                            \
    .name = dictionary_name, .kind = FieldKind::kMoney, .digits = 14, .decimals = 2, \
    .money = &Listing::mutable_##accessor                                            \
  }
#define MILLRACE_DAY(dictionary_name, accessor)                                             \
  Field {                                                                                   \
    .name = dictionary_name, .kind = FieldKind::kDay, .text = &Listing::mutable_##accessor, \
    .text_value = &Listing::accessor                                                        \
  }
#define MILLRACE_INSTANT(dictionary_name, accessor) \
  Field { .name = dictionary_name, .kind = FieldKind::kInstant, .instant = &Listing::set_##accessor }
#define MILLRACE_INTEGER(dictionary_name, accessor, count) \
  Field { .name = dictionary_name, .kind = FieldKind::kInteger, .digits = count, .integer = &Listing::set_##accessor }
#define MILLRACE_DEGREES(dictionary_name, accessor)                                    \
  Field {                                                                              \
    .name = dictionary_name, .kind = FieldKind::kDegrees, .digits = 12, .decimals = 8, \
    .degrees = &Listing::set_##accessor                                                \
  }

std::string* LivingAreaUnits(Listing& listing) { return listing.mutable_living_area()->mutable_units(); }
std::string* LotSizeUnits(Listing& listing) { return listing.mutable_lot_size_area()->mutable_units(); }

const Field kFields[] = {
    MILLRACE_TEXT("ListingKey", listing_key, 255),
    MILLRACE_TEXT("ListingId", listing_id, 255),
    MILLRACE_TEXT("ParcelNumber", parcel_number, 50),
    MILLRACE_TEXT("UniversalPropertyId", universal_property_id, 128),
    MILLRACE_TEXT("OriginatingSystemName", originating_system_name, 255),
    MILLRACE_TEXT("OriginatingSystemKey", originating_system_key, 255),
    MILLRACE_TEXT("SourceSystemKey", source_system_key, 255),
    MILLRACE_TEXT("StandardStatus", standard_status, 50),
    MILLRACE_TEXT("MlsStatus", mls_status, 50),
    MILLRACE_TEXT("PropertyType", property_type, 50),
    MILLRACE_TEXT("PropertySubType", property_sub_type, 50),
    MILLRACE_MONEY("ListPrice", list_price),
    MILLRACE_MONEY("OriginalListPrice", original_list_price),
    MILLRACE_MONEY("ClosePrice", close_price),
    MILLRACE_DAY("CloseDate", close_date),
    MILLRACE_DAY("ListingContractDate", listing_contract_date),
    MILLRACE_INSTANT("ModificationTimestamp", modification_timestamp_us),
    MILLRACE_INSTANT("StatusChangeTimestamp", status_change_timestamp_us),
    MILLRACE_INSTANT("PriceChangeTimestamp", price_change_timestamp_us),
    MILLRACE_INSTANT("PhotosChangeTimestamp", photos_change_timestamp_us),
    MILLRACE_TEXT("UnparsedAddress", unparsed_address, 255),
    MILLRACE_TEXT("StreetNumber", street_number, 25),
    MILLRACE_TEXT("StreetDirPrefix", street_dir_prefix, 15),
    MILLRACE_TEXT("StreetName", street_name, 50),
    MILLRACE_TEXT("StreetSuffix", street_suffix, 25),
    MILLRACE_TEXT("StreetDirSuffix", street_dir_suffix, 15),
    MILLRACE_TEXT("UnitNumber", unit_number, 25),
    MILLRACE_TEXT("City", city, 50),
    MILLRACE_TEXT("CountyOrParish", county_or_parish, 50),
    MILLRACE_TEXT("StateOrProvince", state_or_province, 2),
    MILLRACE_TEXT("PostalCode", postal_code, 10),
    MILLRACE_TEXT("PostalCodePlus4", postal_code_plus4, 4),
    MILLRACE_TEXT("Country", country, 2),
    MILLRACE_DEGREES("Latitude", latitude_e8),
    MILLRACE_DEGREES("Longitude", longitude_e8),
    MILLRACE_INTEGER("BedroomsTotal", bedrooms_total, 9),
    MILLRACE_INTEGER("BathroomsTotalInteger", bathrooms_total_integer, 9),
    MILLRACE_INTEGER("BathroomsFull", bathrooms_full, 9),
    MILLRACE_INTEGER("BathroomsThreeQuarter", bathrooms_three_quarter, 9),
    MILLRACE_INTEGER("BathroomsHalf", bathrooms_half, 9),
    MILLRACE_INTEGER("BathroomsOneQuarter", bathrooms_one_quarter, 9),
    {.name = "LivingArea",
     .kind = FieldKind::kAreaValue,
     .digits = 14,
     .decimals = 2,
     .area = &Listing::mutable_living_area},
    {.name = "LivingAreaUnits", .kind = FieldKind::kText, .length_max = 25, .area_units = &LivingAreaUnits},
    {.name = "LotSizeArea",
     .kind = FieldKind::kAreaValue,
     .digits = 16,
     .decimals = 4,
     .area = &Listing::mutable_lot_size_area},
    {.name = "LotSizeUnits", .kind = FieldKind::kText, .length_max = 25, .area_units = &LotSizeUnits},
    MILLRACE_INTEGER("YearBuilt", year_built, 4),
    MILLRACE_TEXT("PublicRemarks", public_remarks, 4000),
};

#undef MILLRACE_TEXT
#undef MILLRACE_MONEY
#undef MILLRACE_DAY
#undef MILLRACE_INSTANT
#undef MILLRACE_INTEGER
#undef MILLRACE_DEGREES

constexpr int kAreaDecimals = 4;

absl::Status SetNumber(const Field& field, std::string_view name, std::string_view text, Listing& listing) {
  const Excess excess = field.kind == FieldKind::kDegrees ? Excess::kTruncate : Excess::kError;
  Decimal number = ParseDecimal(text, field.decimals, field.digits, excess);
  if (number.error == DecimalError::kDecimals && excess == Excess::kTruncate) {
    AddFinding(listing, field.name, "precision", "more than 8 decimals; those beyond were dropped");
  } else if (number.error != DecimalError::kNone) {
    return Bad(name, DescribeDecimal(field.decimals, field.digits), text);
  }
  switch (field.kind) {
    case FieldKind::kMoney:
      (listing.*field.money)()->set_minor_units(number.value);
      break;
    case FieldKind::kAreaValue:
      for (int i = field.decimals; i < kAreaDecimals; ++i) number.value *= 10;
      (listing.*field.area)()->set_ten_thousandths(number.value);
      break;
    case FieldKind::kDegrees:
      (listing.*field.degrees)(number.value);
      break;
    default:
      (listing.*field.integer)(static_cast<int32_t>(number.value));
      break;
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const Field> AllFields() { return kFields; }

absl::Status SetField(const Field& field, std::string_view name, std::string_view text, Listing& listing) {
  if (text.empty()) return absl::OkStatus();
  switch (field.kind) {
    case FieldKind::kText:
      (field.area_units != nullptr ? field.area_units(listing) : (listing.*field.text)())->assign(text);
      return absl::OkStatus();
    case FieldKind::kDay: {
      const std::optional<CivilDay> day = ParseDay(text);
      if (!day) return Bad(name, "expected a date (YYYY-MM-DD)", text);
      (listing.*field.text)()->assign(FormatDay(*day));
      return absl::OkStatus();
    }
    case FieldKind::kInstant: {
      const std::optional<int64_t> instant = ParseInstant(text);
      if (!instant) return Bad(name, "expected an instant (YYYY-MM-DDThh:mm:ssZ)", text);
      (listing.*field.instant)(*instant);
      return absl::OkStatus();
    }
    default:
      return SetNumber(field, name, text, listing);
  }
}

FieldIndex::FieldIndex() {
  static_assert(std::size(kFields) * 4 <= kSlots);
  for (const Field& field : kFields) {
    size_t slot = Hash(field.name) % kSlots;
    while (slots_[slot] != nullptr) slot = (slot + 1) % kSlots;
    slots_[slot] = &field;
  }
}

const Field& FieldIndex::Get(std::string_view name) const {
  const Field* field = Find(name);
  MR_CHECK(field != nullptr) << name << " is no field of the table";
  return *field;
}

void AddFinding(Listing& listing, std::string_view field, std::string_view code, std::string_view message) {
  Finding& finding = *listing.add_finding();
  finding.mutable_field()->assign(field);
  finding.mutable_code()->assign(code);
  finding.mutable_message()->assign(message);
}

}  // namespace millrace::property
