#include "stages/property/mapping.h"

#include <gtest/gtest.h>

#include <string>

#include "stages/property/message_types.h"
#include "stages/property/record_parser.h"
#include "stages/property/time_text.h"

namespace millrace::property {
namespace {

constexpr std::string_view kSale =
    R"("7237550310","20140512T000000",1.225e+006,4,4.25,5420,101930,"1",0,0,3,11,3890,1530,2001,0,"98053",47.6561,-122.005,4760,101930)";
constexpr std::string_view kPermit =
    R"(DB-2017-00131,2017-02-01,67748.19,Addition / Alteration,"88 W PENDER STREET, Vancouver, BC V6B 6N9","Office Uses,Retail Uses","General Office, Retail Store",2017,541)";

std::string Replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out(text);
  const size_t at = out.find(what);
  EXPECT_NE(at, std::string::npos);
  return out.replace(at, what.size(), with);
}

class MappingTest : public ::testing::Test {
 protected:
  const Listing& Parsed(std::string_view type, std::string_view raw) {
    absl::StatusOr<std::string_view> key = parser_.Parse(type, raw, listing_);
    EXPECT_TRUE(key.ok()) << key.status();
    key_ = key.ok() ? std::string(*key) : "";
    return listing_;
  }
  std::string Error(std::string_view type, std::string_view raw) {
    const absl::Status status = parser_.Parse(type, raw, listing_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << raw.substr(0, 200);
    return std::string(status.message());
  }
  std::string Extra(std::string_view name) const {
    for (const ExtraField& extra : listing_.extra()) {
      if (extra.name() == name) return extra.json();
    }
    return "(none)";
  }

  RecordParser parser_;
  Listing listing_;
  std::string key_;
};

TEST_F(MappingTest, ReadsASale) {
  const Listing& sale = Parsed(kRawKingCounty, kSale);
  EXPECT_EQ(key_, "7237550310");
  EXPECT_EQ(sale.parcel_number(), "7237550310");
  EXPECT_EQ(sale.universal_property_id(), "urn:reso:upi:2.0:US:53033:7237550310");
  EXPECT_EQ(sale.listing_key(), "7237550310-2014-05-12");
  EXPECT_EQ(sale.origin().kind(), Origin::SALE);
  EXPECT_EQ(sale.close_price().minor_units(), 122'500'000) << "1.225e+006 dollars";
  EXPECT_EQ(sale.close_price().currency(), "USD");
  EXPECT_EQ(sale.close_date(), "2014-05-12");
  EXPECT_EQ(sale.modification_timestamp_us(), *ParseInstant("2014-05-12T00:00:00Z"));
  EXPECT_EQ(sale.bedrooms_total(), 4);
  EXPECT_EQ(sale.bathrooms_total_integer(), 5);
  EXPECT_EQ(sale.bathrooms_full(), 4);
  EXPECT_EQ(sale.bathrooms_one_quarter(), 1);
  EXPECT_EQ(sale.living_area().ten_thousandths(), 54'200'000);
  EXPECT_EQ(sale.living_area().units(), "Square Feet");
  EXPECT_EQ(sale.postal_code(), "98053");
  EXPECT_EQ(sale.state_or_province(), "WA");
  EXPECT_EQ(sale.latitude_e8(), 4'765'610'000);
  EXPECT_EQ(sale.longitude_e8(), -12'200'500'000);
  EXPECT_EQ(sale.year_built(), 2001);
  EXPECT_EQ(Extra("grade"), "11");
  EXPECT_EQ(Extra("bathrooms"), "4.25");
  EXPECT_EQ(sale.extra_size(), 11);
}

TEST_F(MappingTest, SalesOfOneParcelAreDifferentRecordsUnderOneKey) {
  Parsed(kRawKingCounty, kSale);
  const std::string first_key = key_, first_listing = listing_.listing_key();
  Parsed(kRawKingCounty, Replaced(kSale, "20140512", "20150101"));
  EXPECT_EQ(key_, first_key);
  EXPECT_NE(listing_.listing_key(), first_listing);
}

TEST_F(MappingTest, RefusesBrokenSales) {
  EXPECT_EQ(Error(kRawKingCounty, Replaced(kSale, "1.225e+006", "a lot")),
            "ClosePrice (price): expected a number of at most 14 digits, 2 of them decimals; found \"a lot\"");
  EXPECT_EQ(Error(kRawKingCounty, Replaced(kSale, "20140512T", "20141312T")),
            "CloseDate (date): expected a date (YYYYMMDDT000000); found \"20141312T000000\"");
  EXPECT_EQ(Error(kRawKingCounty, Replaced(kSale, "7237550310", "723755031")),
            "ParcelNumber (id): expected a parcel number of 10 digits; found \"723755031\"");
  EXPECT_EQ(Error(kRawKingCounty, Replaced(kSale, "4.25", "4.3")),
            "BathroomsTotalInteger (bathrooms): expected a number of baths in quarters; found \"4.3\"");
  EXPECT_EQ(Error(kRawKingCounty, Replaced(kSale, "\"98053\"", "\"98053")), "zipcode: quote left open");
  EXPECT_EQ(Error(kRawKingCounty, kSale.substr(0, 60)), "record: 7 fields where 21 are expected");
  EXPECT_EQ(Error(kRawKingCounty, Replaced(kSale, "3890", "\xFF")), "record: not valid UTF-8");
}

TEST_F(MappingTest, ReadsAPermit) {
  const Listing& permit = Parsed(kRawVancouverPermit, kPermit);
  EXPECT_EQ(key_, "DB-2017-00131");
  EXPECT_EQ(permit.listing_key(), "DB-2017-00131");
  EXPECT_EQ(permit.origin().kind(), Origin::PERMIT);
  EXPECT_EQ(permit.project_value().minor_units(), 6'774'819);
  EXPECT_EQ(permit.project_value().currency(), "CAD");
  EXPECT_EQ(permit.issue_date(), "2017-02-01");
  EXPECT_EQ(permit.unparsed_address(), "88 W PENDER STREET, Vancouver, BC V6B 6N9");
  EXPECT_EQ(permit.city(), "Vancouver");
  EXPECT_EQ(permit.state_or_province(), "BC");
  EXPECT_EQ(permit.postal_code(), "V6B 6N9");
  EXPECT_EQ(permit.country(), "CA");
  EXPECT_EQ(Extra("specific_use_category"), "\"General Office, Retail Store\"");
  EXPECT_EQ(Extra("bi_id"), "541");
}

TEST_F(MappingTest, ReadsIncompletePermitAddresses) {
  const Listing& permit = Parsed(kRawVancouverPermit, Replaced(kPermit, " V6B 6N9", ""));
  EXPECT_EQ(permit.state_or_province(), "BC");
  EXPECT_EQ(permit.postal_code(), "");
  Parsed(kRawVancouverPermit, Replaced(kPermit, "88 W PENDER STREET, Vancouver, BC V6B 6N9", ""));
  EXPECT_EQ(listing_.unparsed_address(), "");
  EXPECT_EQ(listing_.state_or_province(), "");
  Parsed(kRawVancouverPermit, Replaced(kPermit, "STREET, Vancouver", "STREET #203,204, Vancouver"));
  EXPECT_EQ(listing_.city(), "Vancouver");
  Parsed(kRawVancouverPermit, Replaced(kPermit, "67748.19", ""));
  EXPECT_FALSE(listing_.has_project_value());
}

TEST_F(MappingTest, ReadsAListing) {
  const Listing& listing = Parsed(
      kRawReso, R"({"ListingKey":"L1","ListPrice":499000.5,"StandardStatus":"Active","PropertyType":"Residential",
      "ModificationTimestamp":"2024-05-01T12:00:00.250Z","City":"Montr\u00e9al","StateOrProvince":"QC","Country":"CA","PostalCode":null,
      "LivingArea":120.5,"LivingAreaUnits":"Square Meters","BedroomsTotal":3,"YearBuilt":1998,"ListingContractDate":"2024-04-30",
      "PublicRemarks":"","Latitude":45.5,"Longitude":-73.56789,"Media":[{"MediaKey":"m1","Order":0}],"Unknown \"one\"":"x\ty",
      "PoolYN": true ,"Odd":1.50})");
  EXPECT_EQ(key_, "L1");
  EXPECT_EQ(listing.list_price().minor_units(), 49'900'050);
  EXPECT_EQ(listing.list_price().currency(), "CAD");
  EXPECT_EQ(listing.city(), "Montréal");
  EXPECT_EQ(listing.postal_code(), "");
  EXPECT_EQ(listing.living_area().ten_thousandths(), 1'205'000);
  EXPECT_EQ(listing.living_area().units(), "Square Meters");
  EXPECT_FALSE(listing.has_lot_size_area());
  EXPECT_EQ(listing.modification_timestamp_us(), *ParseInstant("2024-05-01T12:00:00.25Z"));
  EXPECT_EQ(listing.longitude_e8(), -7'356'789'000);
  EXPECT_FALSE(listing.deleted());
  ASSERT_EQ(listing.extra_size(), 4);
  EXPECT_EQ(Extra("Media"), R"([{"MediaKey":"m1","Order":0}])");
  EXPECT_EQ(Extra("Unknown \"one\""), R"("x\ty")");
  EXPECT_EQ(Extra("PoolYN"), "true");
  EXPECT_EQ(Extra("Odd"), "1.50") << "as written";
}

TEST_F(MappingTest, CurrencyComesFromTheRecordOrItsPlace) {
  EXPECT_EQ(Parsed(kRawReso, R"({"ListingKey":"1","ListPrice":1,"StateOrProvince":"WA"})").list_price().currency(),
            "USD");
  EXPECT_EQ(Parsed(kRawReso, R"({"ListingKey":"1","ListPrice":1,"Country":"US","CurrencyCode":"CAD"})")
                .list_price()
                .currency(),
            "CAD");
  EXPECT_EQ(Parsed(kRawReso, R"({"ListingKey":"1","ListPrice":1})").list_price().currency(), "");
}

TEST_F(MappingTest, SeesDeletions) {
  EXPECT_TRUE(Parsed(kRawReso, R"({"ListingKey":"1","MlgCanView":false})").deleted());
  EXPECT_FALSE(Parsed(kRawReso, R"({"ListingKey":"1","MlgCanView":true})").deleted());
  EXPECT_TRUE(Parsed(kRawReso, R"({"ListingKey":"1","StandardStatus":"Delete"})").deleted());
}

TEST_F(MappingTest, KeepsTooPreciseDegreesWithAFinding) {
  const Listing& listing = Parsed(kRawReso, R"({"ListingKey":"1","Latitude":45.123456789123})");
  EXPECT_EQ(listing.latitude_e8(), 4'512'345'678);
  ASSERT_EQ(listing.finding_size(), 1);
  EXPECT_EQ(listing.finding(0).code(), "precision");
}

TEST_F(MappingTest, NamesTheFieldOfWrongTypes) {
  EXPECT_EQ(Error(kRawReso, R"({"ListPrice":"cheap","ListingKey":"1"})"), "ListPrice: expected a number, not text");
  EXPECT_EQ(Error(kRawReso, R"({"PostalCode":98178})"), "PostalCode: expected text, not a number");
  EXPECT_EQ(Error(kRawReso, R"({"City":{"a":1}})"), "City: expected text, not an object");
  EXPECT_EQ(Error(kRawReso, R"({"BedroomsTotal":[3]})"), "BedroomsTotal: expected a number, not an array");
  EXPECT_EQ(Error(kRawReso, R"({"BedroomsTotal":2.5})"),
            "BedroomsTotal: expected a whole number of at most 9 digits; found \"2.5\"");
  EXPECT_EQ(Error(kRawReso, R"({"ModificationTimestamp":"yesterday"})"),
            "ModificationTimestamp: expected an instant (YYYY-MM-DDThh:mm:ssZ); found \"yesterday\"");
  EXPECT_EQ(Error(kRawReso, R"({"ListPrice":1e400})"),
            "ListPrice: expected a number of at most 14 digits, 2 of them decimals; found \"1e400\"");
  EXPECT_EQ(Error(kRawReso, R"({"ListPrice":123456789012345678901234567890})"),
            "ListPrice: expected a number of at most 14 digits, 2 of them decimals; found "
            "\"123456789012345678901234567890\"");
  EXPECT_EQ(Error(kRawReso, R"({"ListPrice":1.005})"),
            "ListPrice: expected a number of at most 14 digits, 2 of them decimals; found \"1.005\"");
  EXPECT_EQ(Error(kRawReso, R"({"City":"a","City":"b"})"), "City: appears twice in the record");
  EXPECT_EQ(Error(kRawReso, R"({"City":"a"})"), "ListingKey: missing");
  EXPECT_EQ(Error(kRawReso, R"({"City":"\q","ListingKey":"1"})").substr(0, 18), "City: broken JSON:");
  EXPECT_EQ(Error(kRawReso, R"({"City":nul,"ListingKey":"1"})"), "City: broken JSON; found \"nul\"");
}

TEST_F(MappingTest, RefusesWhatIsNoJsonObject) {
  for (std::string_view raw :
       {"", "  ", "[]", "1", "\"x\"", "{", "{\"a\"", "{\"a\":1", "<html>", "{\"ListingKey\":\"1\"", "null"}) {
    EXPECT_EQ(Error(kRawReso, raw).substr(0, 26), "record: not a JSON object:") << raw;
  }
  EXPECT_EQ(Error(kRawReso, R"({"ListingKey":"1"} {"x":1})").substr(0, 7), "record:");
  EXPECT_EQ(Error(kRawReso, R"({"ListingKey":"1","x":tru})"), "x: broken JSON; found \"tru\"");
  EXPECT_EQ(Error(kRawReso, R"({"ListingKey":"1","":tru})"), "record: broken JSON; found \"tru\"");
  EXPECT_EQ(Error(kRawReso, R"({"ListingKey":"1","x":[1,}]})").substr(0, 2), "x:");
  EXPECT_EQ(Error(kRawReso, "{\"ListingKey\":\"\xC3\x28\"}"), "record: not valid UTF-8");
}

TEST_F(MappingTest, RefusesDeepNesting) {
  const std::string deep = "{\"ListingKey\":\"1\",\"x\":" + std::string(10'000, '[') + std::string(10'000, ']') + "}";
  EXPECT_EQ(Error(kRawReso, deep).substr(0, 32), "x: JSON nested more than 64 deep");
  EXPECT_EQ(Error(kRawPage, deep).substr(0, 15), "page: not JSON:");
}

TEST_F(MappingTest, ExplainsPages) {
  EXPECT_EQ(Error(kRawPage, "<html>502 Bad Gateway</html>").substr(0, 15), "page: not JSON:");
  EXPECT_EQ(Error(kRawPage, R"({"error":"quota"})"), "page: not a RESO Web API page: no array \"value\"");
  EXPECT_EQ(Error(kRawPage, R"([1])"), "page: not a RESO Web API page: no array \"value\"");
  EXPECT_EQ(Error(kRawPage, R"({"value":[]})"), "page: could not be taken apart into records");
  EXPECT_EQ(Error(kRawPage, "{\"value\":[\"\xFF\"]}").substr(0, 15), "page: not JSON:");
}

TEST_F(MappingTest, RefusesUnknownTypes) {
  EXPECT_EQ(Error("text/plain", "x"), "record: not of a type that this stage parses; found \"text/plain\"");
}

}  // namespace
}  // namespace millrace::property
