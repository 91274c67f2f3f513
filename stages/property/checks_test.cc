#include "stages/property/checks.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "stages/property/time_text.h"

namespace millrace::property {
namespace {

constexpr int64_t kDegree = 100'000'000;

Listing SeattleListing() {
  Listing listing;
  listing.mutable_origin()->set_kind(Origin::LISTING);
  listing.set_listing_key("L1");
  listing.set_modification_timestamp_us(*ParseInstant("2024-05-01T12:00:00Z"));
  listing.set_standard_status("Active");
  listing.set_property_type("Residential");
  listing.set_unparsed_address("500 Pine St");
  listing.set_city("Seattle");
  listing.set_state_or_province("WA");
  listing.set_postal_code("98101");
  listing.set_country("US");
  return listing;
}

// "ok", the error, or the findings as "Field:code".
std::string Verdict(Listing listing) {
  const RecordChecks checks;
  bool changed = false;
  const absl::Status status = checks.Check(listing, &changed);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }
  std::string verdict;
  for (const Finding& finding : listing.finding()) {
    EXPECT_NE(finding.message(), "");
    verdict += (verdict.empty() ? "" : " ") + finding.field() + ":" + finding.code();
  }
  EXPECT_EQ(changed, !verdict.empty());
  return verdict.empty() ? "ok" : verdict;
}

std::string With(const std::function<void(Listing&)>& change) {
  Listing listing = SeattleListing();
  change(listing);
  return Verdict(listing);
}

std::string Vancouver(const std::function<void(Listing&)>& change) {
  return With([&](Listing& l) {
    l.set_city("Vancouver");
    l.set_state_or_province("BC");
    l.set_postal_code("V6R 2C7");
    l.set_country("CA");
    change(l);
  });
}

TEST(ChecksTest, PassesAGoodRecord) {
  EXPECT_EQ(With([](Listing&) {}), "ok");
  EXPECT_EQ(Vancouver([](Listing&) {}), "ok");
}

TEST(ChecksTest, NeedsIdentity) {
  EXPECT_EQ(With([](Listing& l) { l.clear_listing_key(); }), "ListingKey: missing");
  EXPECT_EQ(With([](Listing& l) { l.clear_modification_timestamp_us(); }), "ModificationTimestamp: missing");
}

TEST(ChecksTest, NeedsAPlace) {
  const std::string error =
      "UnparsedAddress: missing, and neither a parcel nor a position says which property this is about";
  EXPECT_EQ(With([](Listing& l) { l.clear_unparsed_address(); }), error);
  EXPECT_EQ(With([](Listing& l) {
              l.clear_unparsed_address();
              l.set_parcel_number("1");
            }),
            "ok");
}

TEST(ChecksTest, HoldsStatesAgainstCountries) {
  EXPECT_EQ(With([](Listing& l) { l.set_state_or_province("ZZ"); }),
            "StateOrProvince: no state of the United States and no province of Canada; found \"ZZ\"");
  EXPECT_EQ(With([](Listing& l) { l.set_state_or_province("BC"); }),
            "StateOrProvince: no state or province of US; found \"BC\"");
  EXPECT_EQ(With([](Listing& l) { l.clear_country(); }), "Country:derived");
  EXPECT_EQ(With([](Listing& l) { l.set_country("MX"); }), "Country: expected US or CA; found \"MX\"");
  EXPECT_EQ(With([](Listing& l) {
              l.clear_country();
              l.clear_state_or_province();
            }),
            "Country: missing, and no StateOrProvince says which");
  EXPECT_EQ(With([](Listing& l) { l.clear_state_or_province(); }), "StateOrProvince:missing");
  EXPECT_EQ(With([](Listing& l) { l.clear_city(); }), "City:missing");
}

TEST(ChecksTest, HoldsPostalCodesAgainstStates) {
  EXPECT_EQ(With([](Listing& l) { l.clear_postal_code(); }), "PostalCode:missing");
  EXPECT_EQ(With([](Listing& l) { l.set_postal_code("9810"); }), "PostalCode: no postal code of US; found \"9810\"");
  EXPECT_EQ(With([](Listing& l) { l.set_postal_code("10001"); }), "PostalCode: no postal code of WA; found \"10001\"");
  EXPECT_EQ(With([](Listing& l) { l.set_postal_code_plus4("12"); }),
            "PostalCodePlus4: expected 4 digits; found \"12\"");
  EXPECT_EQ(With([](Listing& l) { l.set_postal_code_plus4("1234"); }), "ok");
  EXPECT_EQ(Vancouver([](Listing& l) { l.set_postal_code("T6R 2C7"); }),
            "PostalCode: no postal code of BC; found \"T6R 2C7\"");
  EXPECT_EQ(Vancouver([](Listing& l) { l.set_postal_code_plus4("1234"); }),
            "PostalCodePlus4: only codes of the United States have one; found \"1234\"");
}

TEST(ChecksTest, RefusesPlaceholdersOutsideTheirCity) {
  EXPECT_EQ(Vancouver([](Listing& l) { l.set_postal_code("V1V 1V1"); }),
            "PostalCode: a placeholder, not this address's code; found \"V1V 1V1\"");
  EXPECT_EQ(Vancouver([](Listing& l) {
              l.set_postal_code("V1V 1V1");
              l.set_city("Kelowna");
            }),
            "ok");
}

TEST(ChecksTest, AcceptsBothCodesOfNewfoundland) {
  for (const char* province : {"NL", "NF"}) {
    EXPECT_EQ(Vancouver([&](Listing& l) {
                l.set_state_or_province(province);
                l.set_postal_code("A1C 5S7");
              }),
              "ok");
  }
}

TEST(ChecksTest, KnowsTheEnumerations) {
  EXPECT_EQ(With([](Listing& l) { l.set_standard_status("Sold"); }),
            "StandardStatus: not in the dictionary's list; found \"Sold\"");
  EXPECT_EQ(With([](Listing& l) { l.set_standard_status("Active Under Contract"); }), "ok");
  EXPECT_EQ(With([](Listing& l) { l.set_property_type("House"); }),
            "PropertyType: not in the dictionary's list; found \"House\"");
  EXPECT_EQ(With([](Listing& l) { l.set_street_dir_prefix("North"); }),
            "StreetDirPrefix: not in the dictionary's list; found \"North\"");
  EXPECT_EQ(With([](Listing& l) { l.set_street_dir_suffix("O"); }),
            "StreetDirSuffix: not in the dictionary's list; found \"O\"");
  EXPECT_EQ(Vancouver([](Listing& l) { l.set_street_dir_suffix("O"); }), "ok") << "Ouest";
  EXPECT_EQ(With([](Listing& l) { l.mutable_living_area()->set_units("Acres"); }),
            "LivingAreaUnits: not in the dictionary's list; found \"Acres\"");
  EXPECT_EQ(With([](Listing& l) { l.mutable_lot_size_area()->set_units("Acres"); }), "ok");
}

TEST(ChecksTest, CountsLengthsInCharacters) {
  std::string city;
  for (int i = 0; i < 50; ++i) city += "é";
  EXPECT_EQ(With([&](Listing& l) { l.set_city(city); }), "ok");
  EXPECT_EQ(With([&](Listing& l) { l.set_city(city + "x"); }).substr(0, 31), "City: longer than 50 characters");
  EXPECT_EQ(With([&](Listing& l) { l.set_public_remarks(std::string(4'001, 'x')); }).substr(0, 42),
            "PublicRemarks: longer than 4000 characters");
}

TEST(ChecksTest, ChecksMoney) {
  const auto price = [](int64_t cents, const char* currency) {
    return With([&](Listing& l) {
      l.mutable_list_price()->set_minor_units(cents);
      l.mutable_list_price()->set_currency(currency);
    });
  };
  EXPECT_EQ(price(1, "USD"), "ok");
  EXPECT_EQ(price(0, "USD"), "ListPrice:zero");
  EXPECT_EQ(price(1, "CAD"), "ListPrice:currency");
  EXPECT_EQ(price(-1, "USD"), "ListPrice: negative");
  EXPECT_EQ(price(1, ""), "ListPrice: no currency, and no country that says which");
  EXPECT_EQ(price(1, "EUR"), "ListPrice: expected the currency USD or CAD; found \"EUR\"");
}

TEST(ChecksTest, FlagsOddRoomsAndKeepsThem) {
  EXPECT_EQ(With([](Listing& l) { l.set_bedrooms_total(33); }), "BedroomsTotal:implausible");
  EXPECT_EQ(With([](Listing& l) { l.set_bedrooms_total(20); }), "ok");
  EXPECT_EQ(With([](Listing& l) { l.set_bedrooms_total(0); }), "BedroomsTotal:zero");
  EXPECT_EQ(With([](Listing& l) { l.set_bedrooms_total(-1); }), "BedroomsTotal: negative; found \"-1\"");
  EXPECT_EQ(With([](Listing& l) {
              l.set_bathrooms_total_integer(2);
              l.set_bathrooms_full(2);
              l.set_bathrooms_half(1);
            }),
            "BathroomsTotalInteger:inconsistent");
}

TEST(ChecksTest, ChecksAreasAndPositions) {
  const auto living = [](int64_t feet, const char* units) {
    return With([&](Listing& l) {
      l.mutable_living_area()->set_ten_thousandths(feet * 10'000);
      l.mutable_living_area()->set_units(units);
    });
  };
  EXPECT_EQ(living(1'180, "Square Feet"), "ok");
  EXPECT_EQ(living(1'180, ""), "LivingAreaUnits:missing");
  EXPECT_EQ(living(50, "Square Feet"), "LivingArea:implausible");
  EXPECT_EQ(living(50, "Square Meters"), "ok");
  EXPECT_EQ(living(-1, "Square Feet"), "LivingArea: negative");
  const auto position = [](int64_t latitude, int64_t longitude) {
    return With([&](Listing& l) {
      l.set_latitude_e8(latitude * kDegree);
      l.set_longitude_e8(longitude * kDegree);
    });
  };
  EXPECT_EQ(position(47, -122), "ok");
  EXPECT_EQ(position(13, 144), "ok") << "Guam";
  EXPECT_EQ(position(0, 0), "Latitude:implausible");
  EXPECT_EQ(position(91, -122), "Latitude: not between -90 and 90");
  EXPECT_EQ(position(47, -181), "Longitude: not between -180 and 180");
  EXPECT_EQ(With([](Listing& l) { l.set_latitude_e8(47 * kDegree); }), "Longitude:missing");
}

TEST(ChecksTest, ChecksWhatBelongsTogether) {
  EXPECT_EQ(With([](Listing& l) { l.set_year_built(2031); }), "YearBuilt:implausible");
  EXPECT_EQ(With([](Listing& l) { l.set_year_built(2026); }), "ok");
  EXPECT_EQ(With([](Listing& l) { l.clear_standard_status(); }), "StandardStatus:missing");
  EXPECT_EQ(With([](Listing& l) { l.set_standard_status("Closed"); }), "CloseDate:missing");
  EXPECT_EQ(With([](Listing& l) {
              l.set_listing_contract_date("2024-05-01");
              l.set_close_date("2024-04-01");
            }),
            "CloseDate:inconsistent");
  EXPECT_EQ(With([](Listing& l) { l.set_universal_property_id("x"); }), "UniversalPropertyId:format");
}

TEST(ChecksTest, ADeletionNeedsOnlyIdentity) {
  Listing listing;
  listing.set_listing_key("L1");
  listing.set_modification_timestamp_us(1);
  listing.set_deleted(true);
  EXPECT_EQ(Verdict(listing), "ok");
  listing.clear_listing_key();
  EXPECT_EQ(Verdict(listing), "ListingKey: missing");
}

}  // namespace
}  // namespace millrace::property
