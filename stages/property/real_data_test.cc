// What becomes of the real data: counts against the facts in each data set's own SOURCE.txt, and against figures that
// are written down here and in docs/reference/property-checks.md.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "stages/property/address_format.h"
#include "stages/property/checks.h"
#include "stages/property/embedded_data.h"
#include "stages/property/message_types.h"
#include "stages/property/postal.h"
#include "stages/property/record_parser.h"

namespace millrace::property {
namespace {

constexpr char kKingCountyDir[] = "stages/property/data/us_king_county_sales/";
constexpr char kVancouverDir[] = "stages/property/data/ca_vancouver_building_permits/";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The number before `words` in a SOURCE.txt.
int Fact(const std::string& source, std::string_view words) {
  const size_t at = source.find(words);
  EXPECT_NE(at, std::string::npos) << words;
  if (at == std::string::npos) return -1;
  size_t first = at;
  while (first > 0 && source[first - 1] >= '0' && source[first - 1] <= '9') --first;
  EXPECT_LT(first, at) << words;
  return std::stoi(source.substr(first, at - first));
}

struct Outcome {
  int accepted = 0;
  int flagged = 0;
  std::map<std::string, int> findings;  // "Field:code"
  std::map<std::string, int> dead;      // reason up to "; found"
  std::map<StandardAddress::Kind, int> kinds;
  int dead_count() const {
    int sum = 0;
    for (const auto& [reason, count] : dead) sum += count;
    return sum;
  }
};

// Runs each record through parse, validate and address; `see` gets those that come out.
Outcome RunAll(const std::string& csv, std::string_view type, const std::function<void(const Listing&, bool)>& see) {
  RecordParser parser;
  const RecordChecks checks;
  AddressFormatter formatter;
  Outcome outcome;
  Listing listing;
  std::string_view text = csv, line;
  TakeLine(text, line);  // the header
  while (TakeLine(text, line)) {
    absl::Status status = parser.Parse(type, line, listing).status();
    if (status.ok()) see(listing, false);
    bool changed = false;
    if (status.ok()) status = checks.Check(listing, &changed);
    if (!status.ok()) {
      const std::string reason(status.message());
      ++outcome.dead[reason.substr(0, reason.find("; found"))];
      continue;
    }
    formatter.Standardise(listing);
    ++outcome.accepted;
    outcome.flagged += listing.finding_size() > 0;
    for (const Finding& finding : listing.finding()) ++outcome.findings[finding.field() + ":" + finding.code()];
    ++outcome.kinds[listing.address().kind()];
    see(listing, true);
  }
  return outcome;
}

TEST(RealDataTest, KingCountySales) {
  const std::string source = ReadFile(std::string(kKingCountyDir) + "SOURCE.txt");
  std::map<std::string, int> parcels;
  std::set<std::string> keys, zips;
  int exponents = 0, bedrooms33 = 0, bedrooms0 = 0;
  std::string first_day = "9", last_day;
  const std::string csv = ReadFile(std::string(kKingCountyDir) + "kc_house_data.csv");
  const Outcome outcome = RunAll(csv, kRawKingCounty, [&](const Listing& sale, bool accepted) {
    if (!accepted) return;
    ++parcels[sale.parcel_number()];
    keys.insert(sale.listing_key());
    zips.insert(sale.address().postal_code());
    bedrooms33 += sale.bedrooms_total() == 33;
    bedrooms0 += sale.bedrooms_total() == 0;
    exponents += sale.close_price().minor_units() == 122'500'000;
    first_day = std::min(first_day, sale.close_date());
    last_day = std::max(last_day, sale.close_date());
    EXPECT_EQ(sale.universal_property_id(), "urn:reso:upi:2.0:US:53033:" + sale.parcel_number());
    EXPECT_EQ(sale.close_price().currency(), "USD");
    EXPECT_EQ(sale.address().state_or_province(), "WA");
    EXPECT_EQ(sale.extra_size(), 11);
  });
  EXPECT_EQ(outcome.accepted, Fact(source, " data rows"));
  EXPECT_EQ(outcome.dead_count(), 0);
  EXPECT_EQ(static_cast<int>(parcels.size()), Fact(source, " distinct id"));
  int resold = 0;
  for (const auto& [parcel, sales] : parcels) resold += sales > 1;
  EXPECT_EQ(resold, Fact(source, " ids occur more than once"));
  EXPECT_EQ(static_cast<int>(keys.size()), outcome.accepted) << "each sale is a record of its own";
  EXPECT_EQ(static_cast<int>(zips.size()), Fact(source, " ZIPs"));
  EXPECT_EQ(bedrooms33, 1);
  EXPECT_NE(source.find("one row with 33 bedrooms"), std::string::npos);
  EXPECT_EQ(bedrooms0, Fact(source, " rows with 0 bedrooms"));
  EXPECT_GT(exponents, 0);
  EXPECT_EQ(first_day, "2014-05-02");
  EXPECT_EQ(last_day, "2015-05-27");
  EXPECT_EQ(outcome.findings,
            (std::map<std::string, int>{{"BedroomsTotal:implausible", 1}, {"BedroomsTotal:zero", 13}}));
  EXPECT_EQ(outcome.flagged, 14);
  EXPECT_EQ(outcome.kinds.at(StandardAddress::NONE), outcome.accepted) << "there are no street addresses";
}

TEST(RealDataTest, VancouverPermits) {
  const std::string source = ReadFile(std::string(kVancouverDir) + "SOURCE.txt");
  std::set<std::string> keys, addresses;
  int valid_codes = 0, empty_addresses = 0, placeholders = 0, without_valid_code = 0, amounts = 0;
  const std::string csv = ReadFile(std::string(kVancouverDir) + "building_permits.csv");
  const Outcome outcome = RunAll(csv, kRawVancouverPermit, [&](const Listing& permit, bool accepted) {
    if (accepted) {
      EXPECT_EQ(permit.address().country(), "CA");
      amounts += permit.has_project_value() && permit.project_value().currency() == "CAD";
      return;
    }
    keys.insert(permit.listing_key());
    addresses.insert(permit.unparsed_address());
    const bool valid = IsCanadianPostalCode(permit.postal_code());
    valid_codes += valid;
    without_valid_code += !valid;
    placeholders += permit.postal_code() == "V1V 1V1";
    empty_addresses += permit.unparsed_address().empty();
  });
  const int rows = Fact(source, " + header");
  EXPECT_EQ(outcome.accepted + outcome.dead_count(), rows);
  EXPECT_EQ(static_cast<int>(keys.size()), Fact(source, " distinct permit_number"));
  EXPECT_EQ(static_cast<int>(addresses.size()), Fact(source, " distinct addresses"));
  EXPECT_EQ(valid_codes, Fact(source, " addresses hold a syntactically valid postal code"));
  EXPECT_EQ(without_valid_code, rows - valid_codes);
  EXPECT_EQ(empty_addresses, Fact(source, " addresses empty"));
  EXPECT_EQ(placeholders, Fact(source, " rows carry the placeholder"));

  EXPECT_EQ(outcome.dead,
            (std::map<std::string, int>{
                {"PostalCode: a placeholder, not this address's code", placeholders},
                {"PostalCode: no postal code of BC", 5},
                {"PostalCode: no postal code of CA", 1},
                {"UnparsedAddress: missing, and neither a parcel nor a position says which property this is about",
                 empty_addresses},
            }));
  EXPECT_EQ(outcome.accepted, 19'809);
  EXPECT_EQ(outcome.findings,
            (std::map<std::string, int>{{"City:missing", 3},
                                        {"PostalCode:missing", without_valid_code - empty_addresses - 1}}));
  EXPECT_EQ(outcome.flagged, 2'114);
  EXPECT_GT(amounts, 19'000);
}

// The real street lines are understood, and standardising is done after one time.
TEST(RealDataTest, VancouverStreets) {
  StreetParser parser(AddressCountry::kCanada);
  const std::string csv = ReadFile(std::string(kVancouverDir) + "building_permits.csv");
  std::map<std::string, int> suffixes;
  int streets = 0, with_unit = 0, places = 0, others = 0;
  RunAll(csv, kRawVancouverPermit, [&](const Listing& permit, bool accepted) {
    if (!accepted) return;
    const StandardAddress& address = permit.address();
    streets += address.kind() == StandardAddress::STREET;
    others += address.kind() == StandardAddress::OTHER;
    with_unit += !address.unit_number().empty();
    places += !address.place().empty();
    ++suffixes[address.type_suffix()];
    StandardAddress again;
    parser.Parse(address.delivery_line(), &again);
    EXPECT_EQ(again.delivery_line(), address.delivery_line());
    EXPECT_EQ(again.street_name(), address.street_name());
    EXPECT_EQ(again.unit_number(), address.unit_number());
    EXPECT_EQ(permit.unparsed_address().find(address.street_number()) != std::string::npos, true);
  });
  EXPECT_EQ(others, 0);
  EXPECT_GT(streets, 19'800);
  EXPECT_GT(with_unit, 1'000);
  EXPECT_GT(places, 20);
  EXPECT_GT(suffixes["AVE"], 7'000);
  EXPECT_GT(suffixes["ST"], 7'000);
}

}  // namespace
}  // namespace millrace::property
