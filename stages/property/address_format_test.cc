#include "stages/property/address_format.h"

#include <gtest/gtest.h>

namespace millrace::property {
namespace {

Listing MakeListing(const char* unparsed, const char* city, const char* state, const char* postal_code,
                    const char* country) {
  Listing listing;
  listing.set_unparsed_address(unparsed);
  listing.set_city(city);
  listing.set_state_or_province(state);
  listing.set_postal_code(postal_code);
  listing.set_country(country);
  return listing;
}

std::string Line(const Listing& listing) {
  std::string line;
  AppendStreetLine(listing, &line);
  return line;
}

TEST(AddressFormatTest, FindsTheStreetInAWholeAddress) {
  EXPECT_EQ(Line(MakeListing("123 Main St, Seattle, WA 98101", "Seattle", "WA", "98101", "US")), "123 Main St");
  EXPECT_EQ(Line(MakeListing("123 Main St, Seattle, WA 98101, USA", "Seattle", "WA", "98101", "US")), "123 Main St");
  EXPECT_EQ(Line(MakeListing("123 Main St Seattle WA 98101", "Seattle", "WA", "98101", "US")), "123 Main St");
  EXPECT_EQ(Line(MakeListing("123 MAIN ST, SEATTLE", "Seattle", "WA", "98101", "US")), "123 MAIN ST");
  EXPECT_EQ(Line(MakeListing("123 Main St", "Seattle", "WA", "98101", "US")), "123 Main St");
  EXPECT_EQ(Line(MakeListing("88 W PENDER STREET, Vancouver, BC V6B 6N9", "Vancouver", "BC", "V6B 6N9", "CA")),
            "88 W PENDER STREET");
  EXPECT_EQ(Line(MakeListing("8 X ST #203,204, Vancouver, BC V6B 6N9", "Vancouver", "BC", "V6B 6N9", "CA")),
            "8 X ST #203,204");
  EXPECT_EQ(Line(MakeListing("8 X ST, Fresno, CA 93650", "Fresno", "CA", "93650", "US")), "8 X ST");
}

TEST(AddressFormatTest, DoesNotMistakeTheStreetForTheCity) {
  EXPECT_EQ(Line(MakeListing("123 Vancouver", "Vancouver", "BC", "", "CA")), "123 Vancouver");
  EXPECT_EQ(Line(MakeListing("Vancouver", "Vancouver", "BC", "", "CA")), "Vancouver");
  EXPECT_EQ(Line(MakeListing("", "Vancouver", "BC", "", "CA")), "");
}

TEST(AddressFormatTest, PutsFieldsInOrder) {
  Listing listing;
  listing.set_unparsed_address("something else");
  listing.set_street_number("66");
  listing.set_street_dir_prefix("N");
  listing.set_street_name("King");
  listing.set_street_suffix("Street");
  listing.set_street_dir_suffix("W");
  listing.set_unit_number("5");
  EXPECT_EQ(Line(listing), "66 N King Street W # 5");
  listing.set_unit_number("Apt 5");
  EXPECT_EQ(Line(listing), "66 N King Street W Apt 5");
}

TEST(AddressFormatTest, StandardisesTheWholeRecord) {
  Listing listing = MakeListing("", "St. John's", "NF", "a1c5s7", "");
  listing.set_street_number("12");
  listing.set_street_name("Water");
  listing.set_street_suffix("Court");
  AddressFormatter formatter;
  formatter.Standardise(listing);
  EXPECT_EQ(listing.address().delivery_line(), "12 WATER CRT");
  EXPECT_EQ(listing.address().city(), "ST JOHN'S");
  EXPECT_EQ(listing.address().state_or_province(), "NL");
  EXPECT_EQ(listing.address().postal_code(), "A1C 5S7");
  EXPECT_EQ(listing.address().country(), "CA");
  EXPECT_EQ(listing.state_or_province(), "NF") << "the source's own stays";
  const std::string once = listing.SerializeAsString();
  formatter.Standardise(listing);
  EXPECT_EQ(listing.SerializeAsString(), once);
}

TEST(AddressFormatTest, StandardisesPostalCodes) {
  EXPECT_EQ(StandardPostalCode("US", "98178 1234", ""), "98178-1234");
  EXPECT_EQ(StandardPostalCode("US", "98178", "1234"), "98178-1234");
  EXPECT_EQ(StandardPostalCode("US", "98178-1234", "9999"), "98178-1234");
  EXPECT_EQ(StandardPostalCode("CA", "v6r2c7", ""), "V6R 2C7");
  EXPECT_EQ(StandardPostalCode("CA", "nonsense", ""), "NONSENSE");
}

}  // namespace
}  // namespace millrace::property
