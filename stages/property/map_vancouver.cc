// Vancouver, British Columbia: building permits. The address is one text, "4378 W 9TH AVENUE, Vancouver, BC V6R 2C7";
// what stands behind the street is taken apart here, the street itself in the address stage.
#include <string>
#include <vector>

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

constexpr std::string_view kColumns[] = {"permit_number",         "issue_date", "project_value",
                                         "type_of_work",          "address",    "property_use",
                                         "specific_use_category", "year",       "bi_id"};
enum Column { kPermit, kIssued, kValue, kTypeOfWork, kAddress, kUse, kSpecificUse, kYear, kBuilding };
constexpr int kExtra[] = {kTypeOfWork, kUse, kSpecificUse, kYear, kBuilding};

constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr int kMoneyDigits = 14;
constexpr int kMoneyDecimals = 2;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Splits off what stands behind the last comma; the whole when there is none.
std::string_view TakeLastPart(std::string_view& text) {
  const size_t comma = text.rfind(',');
  std::string_view part = comma == std::string_view::npos ? text : text.substr(comma + 1);
  text = comma == std::string_view::npos ? std::string_view() : text.substr(0, comma);
  return Trim(part);
}

class VancouverMapping : public Mapping {
 public:
  VancouverMapping() : record_(kColumns) {}

  absl::Status Map(std::string_view raw, Listing& listing) override {
    if (absl::Status split = record_.Split(raw); !split.ok()) return split;
    if (absl::Status set = SetIdentity(listing); !set.ok()) return set;
    if (absl::Status set = SetValue(listing); !set.ok()) return set;
    SetAddress(record_[kAddress], listing);
    for (int column : kExtra) {
      if (record_[column].empty()) continue;
      ExtraField& extra = *listing.add_extra();
      extra.mutable_name()->assign(kColumns[column]);
      AppendJsonScalar(record_[column], extra.mutable_json());
    }
    return absl::OkStatus();
  }

  std::string_view KeyOf(const Listing& listing) const override { return listing.listing_key(); }

 private:
  absl::Status SetIdentity(Listing& listing) {
    if (record_[kPermit].empty()) return Bad("ListingKey (permit_number)", "missing");
    const std::optional<CivilDay> day = ParseDay(record_[kIssued]);
    if (!day) return Bad("issue_date", "expected a date (YYYY-MM-DD)", record_[kIssued]);
    listing.mutable_listing_key()->assign(record_[kPermit]);
    Origin& origin = *listing.mutable_origin();
    origin.set_system("vancouver_permits");
    origin.mutable_key()->assign(record_[kPermit]);
    origin.set_kind(Origin::PERMIT);
    listing.mutable_issue_date()->assign(FormatDay(*day));
    listing.set_modification_timestamp_us(day->days * kMicrosPerDay);
    listing.set_country("CA");
    return absl::OkStatus();
  }

  absl::Status SetValue(Listing& listing) {
    const std::string_view text = record_[kValue];
    if (text.empty()) return absl::OkStatus();
    const Decimal value = ParseDecimal(text, kMoneyDecimals, kMoneyDigits);
    if (value.error != DecimalError::kNone) {
      return Bad("project_value", DescribeDecimal(kMoneyDecimals, kMoneyDigits), text);
    }
    listing.mutable_project_value()->set_minor_units(value.value);
    listing.mutable_project_value()->mutable_currency()->assign(Cad::kCode);
    return absl::OkStatus();
  }

  // "<street>, <city>, BC[ <postal code>]", from its end: a street may hold commas of its own.
  static void SetAddress(std::string_view address, Listing& listing) {
    listing.mutable_unparsed_address()->assign(address);
    std::string_view rest = address;
    const std::string_view province = TakeLastPart(rest);
    if (rest.empty()) return;
    const size_t space = province.find(' ');
    listing.mutable_state_or_province()->assign(province.substr(0, space));
    if (space != std::string_view::npos) listing.mutable_postal_code()->assign(Trim(province.substr(space)));
    listing.mutable_city()->assign(TakeLastPart(rest));
  }

  CsvRecord record_;
};

}  // namespace

std::span<const std::string_view> VancouverPermitColumns() { return kColumns; }

std::unique_ptr<Mapping> MakeVancouverPermitMapping() { return std::make_unique<VancouverMapping>(); }

}  // namespace millrace::property
