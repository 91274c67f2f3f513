#include "stages/property/street_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

namespace millrace::property {
namespace {

struct Example {
  const char* line;
  const char* standard;
};

// Publication 28.
constexpr Example kUnitedStates[] = {
    {"123 Main Street", "123 MAIN ST"},
    {"123 North Main Street", "123 N MAIN ST"},
    {"123 n.e. main st.", "123 NE MAIN ST"},
    {"123 Main St NW", "123 MAIN ST NW"},
    {"123 Main Street North West", "123 MAIN ST NW"},
    {"123 North East Main St", "123 NE MAIN ST"},
    {"101 Bay West Drive Southwest", "101 BAY WEST DR SW"},
    // A direction that is the name.
    {"123 West St", "123 WEST ST"},
    {"123 North Avenue W", "123 NORTH AVE W"},
    {"500 E Street NW", "500 E ST NW"},
    {"123 N East Ave", "123 N EAST AVE"},
    {"123 Old West", "123 OLD WEST"},
    {"700 Broadway E", "700 BROADWAY E"},
    {"2030 W Broadway", "2030 W BROADWAY"},
    // A type that is the name, or part of it.
    {"12 Avenue Road", "12 AVENUE RD"},
    {"12 Avenue C", "12 AVENUE C"},
    {"12 Ave C", "12 AVENUE C"},
    {"12 Avenue E", "12 AVENUE E"},
    {"12 Mill Lake Road", "12 MILL LAKE RD"},
    {"12 The Crescent", "12 THE CRESCENT"},
    {"12 Park", "12 PARK"},
    {"12 Park North", "12 PARK N"},
    {"12 Court Street", "12 COURT ST"},
    {"12 Court Court", "12 COURT CT"},
    {"12 Circle Drive Lane", "12 CIRCLE DRIVE LN"},
    // Saint and street.
    {"12 St George St", "12 ST GEORGE ST"},
    {"12 Saint Clair Avenue W", "12 SAINT CLAIR AVE W"},
    {"12 St. Marks Place", "12 ST MARKS PL"},
    {"12 Ste Marie Street", "12 STE MARIE ST"},
    // Ordinals stay.
    {"123 9th Avenue", "123 9TH AVE"},
    {"123 W 42nd Street", "123 W 42ND ST"},
    {"123 Ninth Avenue", "123 NINTH AVE"},
    // House numbers.
    {"123A Main St", "123A MAIN ST"},
    {"123 1/2 Main St", "123 1/2 MAIN ST"},
    {"112-10 Bronx Road", "112-10 BRONX RD"},
    {"101 - 105 Main St", "101-105 MAIN ST"},
    {"N6W23001 Bluemound Road", "N6W23001 BLUEMOUND RD"},
    {"39.2 Mill Rd", "39.2 MILL RD"},
    // Units.
    {"123 Main St Apt 5", "123 MAIN ST APT 5"},
    {"123 Main St, Apartment #5", "123 MAIN ST APT 5"},
    {"123 Main St #5B", "123 MAIN ST # 5B"},
    {"123 Main St # 5B", "123 MAIN ST # 5B"},
    {"123 Main St Suite 200", "123 MAIN ST STE 200"},
    {"123 Main St Unit A", "123 MAIN ST UNIT A"},
    {"123 Main St W Rear", "123 MAIN ST W REAR"},
    {"123 Main St Basement", "123 MAIN ST BSMT"},
    {"123 Main St Building 4 Apartment 12", "123 MAIN ST BLDG 4 APT 12"},
    {"123 Main St 409", "123 MAIN ST # 409"},
    {"Apt 5 123 Main St", "123 MAIN ST APT 5"},
    {"#5 - 123 Main St", "123 MAIN ST # 5"},
    {"123 Lake Front Drive", "123 LAKE FRONT DR"},
    {"123 Key West Ave", "123 KEY WEST AVE"},
    {"123 Upper Mountain Rd", "123 UPPER MOUNTAIN RD"},
    // Highways are spelled out.
    {"4000 Hwy 101", "4000 HIGHWAY 101"},
    {"4000 US Hwy 41 SW", "4000 US HIGHWAY 41 SW"},
    {"4000 Co Rd 441", "4000 COUNTY ROAD 441"},
    {"4000 CR 12", "4000 COUNTY ROAD 12"},
    {"4000 I-40", "4000 INTERSTATE 40"},
    {"4000 Interstate 40", "4000 INTERSTATE 40"},
    {"4000 SR 39 North", "4000 STATE ROUTE 39 N"},
    {"4000 FM 1200", "4000 FM 1200"},
    {"4000 State Route 39 Apt 5", "4000 STATE ROUTE 39 APT 5"},
    {"4000 N Highway 101", "4000 N HIGHWAY 101"},
    {"4000 Highway Lane", "4000 HIGHWAY LN"},
    // Boxes and rural routes.
    {"P.O. Box 1234", "PO BOX 1234"},
    {"Post Office Box 12-A", "PO BOX 12-A"},
    {"POBox #9", "PO BOX 9"},
    {"Rural Route 2 Box 15", "RR 2 BOX 15"},
    {"R.R. #2, Box 15", "RR 2 BOX 15"},
    {"RR2 Box 15", "RR 2 BOX 15"},
    {"HC 72 Box 293", "HC 72 BOX 293"},
    {"Highway Contract 72 Box 293", "HC 72 BOX 293"},
    // Punctuation and accents.
    {"123 O'Brien Ave.", "123 OBRIEN AVE"},
    {"  123   Main\tSt ,", "123 MAIN ST"},
    {"123 Cañon Perdido Street", "123 CANON PERDIDO ST"},
    // No house number; not understood.
    {"Main Street", "MAIN ST"},
    {"Lot 7 behind the barn", "LOT 7 BEHIND THE BARN"},
    {"1234", "1234"},
    {"", ""},
};

// Canada Post.
constexpr Example kCanada[] = {
    {"4378 W 9TH AVENUE", "4378 W 9TH AVE"},
    {"1111 RICHARDS STREET", "1111 RICHARDS ST"},
    {"1868 W 5TH AVENUE #409", "409-1868 W 5TH AVE"},
    {"101-1234 Main St", "101-1234 MAIN ST"},
    {"101 - 1234 Main St", "101-1234 MAIN ST"},
    {"Unit 101, 1234 Main Street", "101-1234 MAIN ST"},
    {"UNIT 101-1234 Main St", "101-1234 MAIN ST"},
    {"#101 1234 Main St", "101-1234 MAIN ST"},
    {"1234 Main St Suite 101", "101-1234 MAIN ST"},
    {"1234 Main St Apt. 5B", "5B-1234 MAIN ST"},
    {"555 ROBSON STREET #PH1", "PH1-555 ROBSON ST"},
    {"1234 Main St Basement", "1234 MAIN ST BSMT"},
    {"1234 Main St Floor 2", "1234 MAIN ST FL 2"},
    {"8339 BEATRICE STREET #203,204", "8339 BEATRICE ST # 203 204"},
    {"123 1/2 Main St SE", "123 1/2 MAIN ST SE"},
    {"10-123 1/2 Main St SE", "10-123 1/2 MAIN ST SE"},
    {"123A Main St", "123A MAIN ST"},
    // Types differ from those of the United States.
    {"12 Maple Court", "12 MAPLE CRT"},
    {"12 Maple Ct", "12 MAPLE CRT"},
    {"12 Maple Terrace", "12 MAPLE TERR"},
    {"12 Maple Parkway", "12 MAPLE PKY"},
    {"12 Maple Park", "12 MAPLE PK"},
    {"12 Maple Trail", "12 MAPLE TRAIL"},
    {"900 SCHOOL GREEN", "900 SCHOOL GREEN"},
    {"4270 NAUTILUS CLOSE", "4270 NAUTILUS CLOSE"},
    // Directions, at both ends.
    {"1710 E KENT AVENUE SOUTH", "1710 E KENT AVE S"},
    {"2328 SW MARINE DRIVE", "2328 SW MARINE DR"},
    {"3420 W BROADWAY", "3420 W BROADWAY"},
    {"66 King Street West", "66 KING ST W"},
    {"34 Avenue C North", "34 AVENUE C N"},
    {"2557 W KING EDWARD AVENUE", "2557 W KING EDWARD AVE"},
    // Ambiguous names.
    {"12 Avenue Road", "12 AVENUE RD"},
    {"12 West Street", "12 WEST ST"},
    {"12 Cote Road", "12 COTE RD"},
    {"12 Place Crescent", "12 PLACE CRES"},
    {"12 St. Clair Ave W", "12 ST CLAIR AVE W"},
    {"12 Square One Drive", "12 SQUARE ONE DR"},
    // French: the type comes first.
    {"1234 rue Saint-Denis", "1234 RUE SAINT-DENIS"},
    {"123 boul. René-Lévesque O", "123 BOUL RENE-LEVESQUE O"},
    {"123 boulevard René-Lévesque Ouest", "123 BOUL RENE-LEVESQUE O"},
    {"5000 avenue du Parc", "5000 AV DU PARC"},
    {"5000 av. des Pins Est", "5000 AV DES PINS E"},
    {"12 chemin de la Côte-des-Neiges", "12 CH DE LA COTE-DES-NEIGES"},
    {"12 Chemin Queen Mary", "12 CH QUEEN MARY"},
    {"12 place Ville-Marie", "12 PLACE VILLE-MARIE"},
    {"12 Place Royale Nord-Est", "12 PLACE ROYALE NE"},
    {"12 rue Park", "12 RUE PARK"},
    {"12 rue Notre-Dame Nord Ouest", "12 RUE NOTRE-DAME NO"},
    {"12 montée Masson", "12 MONTEE MASSON"},
    {"12 côte de Liesse", "12 COTE DE LIESSE"},
    {"12 rang Saint-Joseph", "12 RANG SAINT-JOSEPH"},
    {"12 terrasse Dufferin", "12 TSSE DUFFERIN"},
    {"12 rue de l'Église", "12 RUE DE L'EGLISE"},
    {"12 rue de l’Église", "12 RUE DE L'EGLISE"},
    {"12 croissant d'Argenson", "12 CROIS D'ARGENSON"},
    {"1234 Saint-Denis Rue", "1234 RUE SAINT-DENIS"},
    {"250 3e Avenue", "250 3E AV"},
    {"250 8ème Rue Est", "250 8E RUE E"},
    {"250 1ère Avenue", "250 1RE AV"},
    {"1200 rue Crescent app. 4", "4-1200 RUE CRESCENT"},
    {"1200 boul. Laurier bureau 300", "300-1200 BOUL LAURIER"},
    {"300-1200 boul. Laurier", "300-1200 BOUL LAURIER"},
    // Highways keep their abbreviation.
    {"4000 Highway 7 East", "4000 HWY 7 E"},
    {"4000 Route 132 Ouest", "4000 RTE 132 O"},
    {"4000 County Road 5", "4000 COUNTY RD 5"},
    {"54321 Range Road 223", "54321 RANGE RD 223"},
    {"54321 Twp Rd 512", "54321 TOWNSHIP RD 512"},
    // Boxes and rural routes.
    {"PO Box 123 Stn A", "PO BOX 123 STN A"},
    {"Case postale 123 succ. Centre-ville", "CP 123 SUCC CENTRE-VILLE"},
    {"C.P. 123", "CP 123"},
    {"R.R. 4", "RR 4"},
};

std::string Standard(AddressCountry country, std::string_view line, StandardAddress* address = nullptr) {
  StreetParser parser(country);
  StandardAddress own;
  if (address == nullptr) address = &own;
  parser.Parse(line, address);
  return address->delivery_line();
}

TEST(StreetParserTest, FollowsPublication28) {
  for (const Example& example : kUnitedStates) {
    EXPECT_EQ(Standard(AddressCountry::kUnitedStates, example.line), example.standard) << example.line;
    EXPECT_EQ(Standard(AddressCountry::kUnitedStates, example.standard), example.standard) << example.line << ", twice";
  }
}

TEST(StreetParserTest, FollowsCanadaPost) {
  for (const Example& example : kCanada) {
    EXPECT_EQ(Standard(AddressCountry::kCanada, example.line), example.standard) << example.line;
    EXPECT_EQ(Standard(AddressCountry::kCanada, example.standard), example.standard) << example.line << ", twice";
  }
}

TEST(StreetParserTest, TakesPartsApart) {
  StandardAddress address;
  Standard(AddressCountry::kCanada, "1710 E Kent Avenue South, Suite 12", &address);
  EXPECT_EQ(address.kind(), StandardAddress::STREET);
  EXPECT_EQ(address.street_number(), "1710");
  EXPECT_EQ(address.dir_prefix(), "E");
  EXPECT_EQ(address.street_name(), "KENT");
  EXPECT_EQ(address.type_suffix(), "AVE");
  EXPECT_EQ(address.dir_suffix(), "S");
  EXPECT_EQ(address.unit_designator(), "SUITE");
  EXPECT_EQ(address.unit_number(), "12");
  StandardAddress french;
  Standard(AddressCountry::kCanada, "123 boul. René-Lévesque O", &french);
  EXPECT_EQ(french.type_prefix(), "BOUL");
  EXPECT_EQ(french.street_name(), "RENE-LEVESQUE");
  EXPECT_EQ(french.type_suffix(), "");
}

TEST(StreetParserTest, SetsThePlaceInFrontApart) {
  const auto place = [](std::string_view line) {
    StandardAddress address;
    Standard(AddressCountry::kCanada, line, &address);
    return address.place() + "|" + address.delivery_line();
  };
  EXPECT_EQ(place("SKYTRAIN STATION - 2450 E 24TH AVENUE"), "SKYTRAIN STATION|2450 E 24TH AVE");
  EXPECT_EQ(place("LUMBERMAN'S ARCH - 3250 STANLEY PARK DRIVE"), "LUMBERMAN'S ARCH|3250 STANLEY PARK DR");
  EXPECT_EQ(place("STANLEY PARK BREWING 8901 STANLEY PARK DRIVE"), "STANLEY PARK BREWING|8901 STANLEY PARK DR");
  EXPECT_EQ(place("5th level 1125 HOWE STREET"), "5TH LEVEL|1125 HOWE ST");
  EXPECT_EQ(place("HIGHWAY 99 SOUTH"), "|HWY 99 S");
}

TEST(StreetParserTest, KindsOfLines) {
  const auto kind = [](AddressCountry country, std::string_view line) {
    StandardAddress address;
    Standard(country, line, &address);
    return address.kind();
  };
  EXPECT_EQ(kind(AddressCountry::kUnitedStates, ""), StandardAddress::NONE);
  EXPECT_EQ(kind(AddressCountry::kUnitedStates, "PO Box 1"), StandardAddress::PO_BOX);
  EXPECT_EQ(kind(AddressCountry::kUnitedStates, "RR 2 Box 1"), StandardAddress::RURAL_ROUTE);
  EXPECT_EQ(kind(AddressCountry::kUnitedStates, "behind the barn"), StandardAddress::OTHER);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "word ";
  EXPECT_EQ(kind(AddressCountry::kUnitedStates, many), StandardAddress::OTHER);
}

// Each standard form must stand for itself, or standardising twice would differ from once.
TEST(StreetParserTest, TablesAreIdempotent) {
  for (AddressCountry country : {AddressCountry::kUnitedStates, AddressCountry::kCanada}) {
    const AddressWords words(country);
    const auto expect_own = [&](std::string_view standard, std::string_view AddressWord::*form) {
      if (standard.empty()) return;
      const AddressWord* word = words.Find(standard);
      ASSERT_NE(word, nullptr) << standard;
      EXPECT_EQ(word->*form, standard);
    };
    for (const AddressWord& word : words.words()) {
      expect_own(word.type_after, &AddressWord::type_after);
      expect_own(word.type_before, &AddressWord::type_before);
      expect_own(word.direction, &AddressWord::direction);
      expect_own(word.unit, &AddressWord::unit);
    }
  }
  EXPECT_EQ(AddressWords(AddressCountry::kUnitedStates).Find("COURT")->type_after, "CT");
  EXPECT_EQ(AddressWords(AddressCountry::kCanada).Find("COURT")->type_after, "CRT");
}

// Lines out of the words that mean something, where they mean most: beside each other.
rc::Gen<std::string> GenLine(const AddressWords& words) {
  std::vector<std::string> pool = {"1",   "12",   "123A",  "101-1234", "9TH", "3E", "8EME",       "1/2",  "-",  "#",
                                   "#5",  "MAIN", "SAINT", "ST.",      "DE",  "LA", "L'EGLISE",   "THE",  "C",  "O",
                                   "E",   "N",    "BOX",   "PO",       "RR",  "CP", "HWY",        "I-40", "CO", "US",
                                   "PH1", "B",    "é",     "BAY",      ",",   ".",  "INTERSTATE", "RANGE"};
  for (const AddressWord& word : words.words()) pool.emplace_back(word.word);
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::weightedOneOf<std::string>(
                          {{3, rc::gen::elementOf(pool)},
                           {1, rc::gen::elementOf(std::vector<std::string>(pool.begin(), pool.begin() + 30))}})),
                      [](const std::vector<std::string>& parts) {
                        std::string line;
                        for (const std::string& part : parts) line += part + " ";
                        return line;
                      });
}

// Valid UTF-8 with everything that cleaning treats in a way of its own.
rc::Gen<std::string> GenText() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(std::vector<std::string>{
          "a",      "Z",      "s",      "5",      "0",          " ",  ".",      "'",      "\u2019", "\u2018", "-",
          "\u2013", "#",      "/",      ",",      "\"",         "\t", "\u00e9", "\u00c9", "\u0153", "\u00df", "\u00d7",
          "\u0301", "\u036f", "\u00a0", "\u4e2d", "\U0001f3e0", "&",  "(",      "`",      "\u0178"})),
      [](const std::vector<std::string>& parts) {
        std::string text;
        for (const std::string& part : parts) text += part;
        return text;
      });
}

void ExpectIdempotent(StreetParser& parser, const std::string& line) {
  StandardAddress once, twice;
  parser.Parse(line, &once);
  parser.Parse(once.delivery_line(), &twice);
  RC_ASSERT(twice.delivery_line() == once.delivery_line());
}

TEST(StreetParserPropertyTest, StandardisingTwiceIsStandardisingOnce) {
  for (AddressCountry country : {AddressCountry::kUnitedStates, AddressCountry::kCanada}) {
    StreetParser parser(country);
    EXPECT_TRUE(rc::check("words", [&] { ExpectIdempotent(parser, *GenLine(parser.words())); }));
    EXPECT_TRUE(rc::check("characters", [&] { ExpectIdempotent(parser, *GenText()); }));
  }
}

// No bytes, UTF-8 or not, harm the parser.
TEST(StreetParserPropertyTest, SurvivesAnyBytes) {
  StreetParser us(AddressCountry::kUnitedStates), canada(AddressCountry::kCanada);
  EXPECT_TRUE(rc::check([&](const std::string& bytes) {
    StandardAddress address;
    us.Parse(bytes, &address);
    address.Clear();
    canada.Parse(bytes, &address);
  }));
}

TEST(StreetParserPropertyTest, CleaningTwiceIsCleaningOnce) {
  EXPECT_TRUE(rc::check([](bool keep_apostrophes) {
    const std::string text = *GenText();
    std::string once, twice;
    AppendClean(text, keep_apostrophes, &once);
    AppendClean(once, keep_apostrophes, &twice);
    RC_ASSERT(once == twice);
  }));
}

}  // namespace
}  // namespace millrace::property
