#include "stages/property/generator_places.h"

namespace millrace::property {
namespace {

constexpr GeneratorPlace kPlaces[] = {
    {"Seattle", "King", "WA", false, false, "98101", 9, 476062, -1223321},
    {"Spokane", "Spokane", "WA", false, false, "99201", 8, 476588, -1174260},
    {"Portland", "Multnomah", "OR", false, false, "97201", 6, 455152, -1226784},
    {"San Francisco", "San Francisco", "CA", false, false, "94102", 3, 377749, -1224194},
    {"Los Angeles", "Los Angeles", "CA", false, false, "90001", 8, 340522, -1182437},
    {"Phoenix", "Maricopa", "AZ", false, false, "85003", 5, 334484, -1120740},
    {"Denver", "Denver", "CO", false, false, "80202", 9, 397392, -1049903},
    {"Austin", "Travis", "TX", false, false, "78701", 5, 302672, -977431},
    {"Houston", "Harris", "TX", false, false, "77002", 9, 297604, -953698},
    {"Chicago", "Cook", "IL", false, false, "60601", 9, 418781, -876298},
    {"Minneapolis", "Hennepin", "MN", false, false, "55401", 9, 449778, -932650},
    {"Detroit", "Wayne", "MI", false, false, "48201", 9, 423314, -830458},
    {"Atlanta", "Fulton", "GA", false, false, "30303", 3, 337490, -843880},
    {"Miami", "Miami-Dade", "FL", false, false, "33125", 9, 257617, -801918},
    {"New York", "New York", "NY", false, false, "10001", 7, 407128, -740060},
    {"Boston", "Suffolk", "MA", false, false, "02108", 9, 423601, -710589},
    {"Burlington", "Chittenden", "VT", false, false, "05401", 2, 444759, -732121},
    {"Anchorage", "Anchorage", "AK", false, false, "99501", 8, 612181, -1499003},
    {"Honolulu", "Honolulu", "HI", false, false, "96813", 6, 213069, -1578583},
    {"Vancouver", "Greater Vancouver", "BC", true, false, "V5K", 1, 492827, -1231207},
    {"Victoria", "Capital", "BC", true, false, "V8V", 1, 484284, -1233656},
    {"Calgary", "Division No. 6", "AB", true, false, "T2P", 1, 510447, -1140719},
    {"Edmonton", "Division No. 11", "AB", true, false, "T5J", 1, 535461, -1134938},
    {"Regina", "Division No. 6", "SK", true, false, "S4P", 1, 504452, -1046189},
    {"Winnipeg", "Division No. 11", "MB", true, false, "R3C", 1, 498951, -971384},
    {"Toronto", "Toronto", "ON", true, false, "M5V", 1, 436532, -793832},
    {"Ottawa", "Ottawa", "ON", true, false, "K1P", 1, 454215, -756972},
    {"Montréal", "Montréal", "QC", true, true, "H2X", 1, 455017, -735673},
    {"Québec", "Québec", "QC", true, true, "G1R", 1, 468139, -712080},
    {"Gatineau", "Outaouais", "QC", true, true, "J8X", 1, 454765, -757013},
    {"Trois-Rivières", "Mauricie", "QC", true, true, "G9A", 1, 463432, -725430},
    {"Fredericton", "York", "NB", true, false, "E3B", 1, 459636, -666431},
    {"Halifax", "Halifax", "NS", true, false, "B3J", 1, 446488, -635752},
    {"Charlottetown", "Queens", "PE", true, false, "C1A", 1, 462382, -631311},
    {"St. John's", "Division No. 1", "NL", true, false, "A1C", 1, 475615, -527126},
    // The Data Dictionary's code for the same province.
    {"Corner Brook", "Division No. 5", "NF", true, false, "A2H", 1, 489501, -579521},
    {"Whitehorse", "Yukon", "YT", true, false, "Y1A", 1, 607212, -1350568},
    {"Yellowknife", "Region 6", "NT", true, false, "X1A", 1, 624540, -1143718},
};

constexpr GeneratorStreet kEnglish[] = {
    {"Main", "Street", ""},
    {"Oak", "Avenue", ""},
    {"Maple", "Drive", ""},
    {"Cedar", "Lane", ""},
    {"9th", "Avenue", ""},
    {"Washington", "Boulevard", ""},
    {"Lakeview", "Court", ""},
    {"Pine Ridge", "Road", ""},
    {"Granville", "Street", ""},
    {"Sunset", "Terrace", ""},
    {"Martin Luther King Jr", "Way", ""},
    {"42nd", "Street", ""},
    {"Highland", "Place", ""},
    {"Queen", "Street", ""},
    {"Harbour", "Crescent", ""},
    {"O'Connor", "Parkway", ""},
};

constexpr GeneratorStreet kFrench[] = {
    {"Saint-Denis", "Rue", ""},   {"Sainte-Catherine", "Rue", ""},
    {"Sherbrooke", "Rue", ""},    {"René-Lévesque", "Boulevard", ""},
    {"Parc", "Avenue", "du "},    {"Montagne", "Rue", "de la "},
    {"Érables", "Rue", "des "},   {"Côte-des-Neiges", "Chemin", "de la "},
    {"Chênes", "Avenue", "des "}, {"Royale", "Place", ""},
    {"Laurier", "Avenue", ""},    {"Forges", "Rue", "des "},
};

}  // namespace

std::span<const GeneratorPlace> GeneratorPlaces() { return kPlaces; }
std::span<const GeneratorStreet> EnglishStreets() { return kEnglish; }
std::span<const GeneratorStreet> FrenchStreets() { return kFrench; }

}  // namespace millrace::property
