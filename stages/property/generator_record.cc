#include "stages/property/generator_record.h"

#include <algorithm>
#include <string_view>

#include "stages/property/feed_text.h"
#include "stages/property/generator_places.h"

namespace millrace::property {
namespace {

// What draws are for; each its own stream.
enum Purpose : uint64_t {
  kPlace = 100,
  kStreet,
  kHouse,
  kUnit,
  kDirection,
  kPostal,
  kShape,
  kRooms,
  kSize,
  kYear,
  kValue,
  kChange,
  kStatus,
  kPoint,
  kPhotos,
  kFaultKind,
};

constexpr int64_t kDayMs = 86'400'000;
constexpr std::string_view kStatuses[] = {"Active",  "Active",     "Active", "Active Under Contract",
                                          "Pending", "Closed",     "Closed", "Withdrawn",
                                          "Expired", "Coming Soon"};
constexpr std::string_view kSubTypes[] = {"Single Family Residence", "Condominium", "Townhouse", "Duplex"};
constexpr std::string_view kDirections[] = {"N", "S", "E", "W", "NE", "SW"};
constexpr std::string_view kSystems[] = {"Northline MLS", "Granite State MLS", "Maple Board"};

void AppendPadded(uint64_t value, int width, std::string* out) {
  char digits[20];
  for (int i = width - 1; i >= 0; --i, value /= 10) digits[i] = static_cast<char>('0' + value % 10);
  out->append(digits, static_cast<size_t>(width));
}

// Days since 1970-01-01 to a civil date; for days from then on. (Algorithm: Hinnant, "chrono-compatible low-level date
// algorithms".)
void AppendDay(int64_t days, std::string* out) {
  const uint64_t z = static_cast<uint64_t>(days) + 719'468;
  const uint64_t era = z / 146'097, day_of_era = z % 146'097;
  const uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month_index = (5 * day_of_year + 2) / 153;
  const uint64_t day = day_of_year - (153 * month_index + 2) / 5 + 1;
  const uint64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  AppendPadded(year_of_era + era * 400 + (month <= 2 ? 1 : 0), 4, out);
  out->push_back('-');
  AppendPadded(month, 2, out);
  out->push_back('-');
  AppendPadded(day, 2, out);
}

void AppendInstant(int64_t ms, std::string* out) {
  AppendDay(ms / kDayMs, out);
  const uint64_t of_day = static_cast<uint64_t>(ms % kDayMs);
  out->push_back('T');
  AppendPadded(of_day / 3'600'000, 2, out);
  out->push_back(':');
  AppendPadded(of_day / 60'000 % 60, 2, out);
  out->push_back(':');
  AppendPadded(of_day / 1000 % 60, 2, out);
  out->push_back('.');
  AppendPadded(of_day % 1000, 3, out);
  out->push_back('Z');
}

class Writer {
 public:
  Writer(const Random& random, const GeneratedVersion& v, std::string* out) : random_(random), v_(v), out_(*out) {
    const auto places = GeneratorPlaces();
    place_ = &places[OfListing(kPlace, places.size())];
  }

  void Write() {
    out_ += "{\"ListingKey\":\"";
    AppendKey();
    out_ += "\",\"ListingId\":\"";
    AppendNumber(1'000'000 + v_.listing, &out_);
    Text("\",\"OriginatingSystemName\":\"", kSystems[OfListing(kShape, std::size(kSystems))]);
    Status();
    Prices();
    Address();
    Structure();
    Rest();
    out_ += '}';
  }

 private:
  uint64_t OfListing(uint64_t purpose, uint64_t bound) const { return random_.Below(purpose, {v_.listing}, bound); }
  uint64_t OfVersion(uint64_t purpose, uint64_t bound) const {
    return random_.Below(purpose, {v_.listing, v_.version}, bound);
  }

  // Strings are left open: the next piece closes them.
  void Text(std::string_view before, std::string_view text) { out_.append(before).append(text); }
  void Number(std::string_view before, uint64_t value) {
    out_.append(before);
    AppendNumber(value, &out_);
  }

  void AppendKey() {
    out_ += 'G';
    AppendNumber(v_.seed, &out_);
    out_ += '-';
    AppendNumber(v_.listing, &out_);
  }

  void Status() {
    closed_ = false;
    const std::string_view status = kStatuses[OfVersion(kStatus, std::size(kStatuses))];
    closed_ = status == "Closed";
    Text("\",\"StandardStatus\":\"", status);
    const uint64_t sub_type = OfListing(kShape + 1000, std::size(kSubTypes));
    condominium_ = sub_type == 1;
    Text("\",\"PropertyType\":\"Residential\",\"PropertySubType\":\"", kSubTypes[sub_type]);
    out_ += "\",\"ListingContractDate\":\"";
    AppendDay(v_.listed_ms / kDayMs, &out_);
    if (closed_) {
      out_ += "\",\"CloseDate\":\"";
      AppendDay(std::max(v_.modified_ms, v_.listed_ms) / kDayMs, &out_);
    }
    out_ += "\",\"ModificationTimestamp\":\"";
    AppendInstant(v_.modified_ms, &out_);
    out_ += "\",\"StatusChangeTimestamp\":\"";
    AppendInstant(v_.modified_ms - 60'000, &out_);
  }

  void Prices() {
    const uint64_t original = 120'000 + OfListing(kValue, 900) * 1'000;
    const uint64_t now = v_.version == v_.listing ? original : original - original / 1000 * OfVersion(kChange, 90);
    Number("\",\"OriginalListPrice\":", original);
    if (v_.fault == GeneratedFault::kWrongType && OfVersion(kFaultKind, 2) == 0) {
      out_ += ",\"ListPrice\":\"call for price\"";
    } else if (v_.fault == GeneratedFault::kOverflow && OfVersion(kFaultKind, 2) == 0) {
      out_ += ",\"ListPrice\":123456789012345678901234567890";
    } else {
      Number(",\"ListPrice\":", now);
      if (OfVersion(kValue, 4) == 0) out_ += ".50";
    }
    if (closed_) Number(",\"ClosePrice\":", now - now / 100);
  }

  void PostalCode() {
    if (v_.fault == GeneratedFault::kBadPostalCode) {
      out_ += place_->canada ? "D0O 0I0" : "9810";
      return;
    }
    if (!place_->canada) {
      uint64_t first = 0;
      for (const char digit : place_->postal) first = first * 10 + static_cast<uint64_t>(digit - '0');
      AppendPadded(first + OfListing(kPostal, place_->postal_count), 5, &out_);
      if (OfListing(kPostal + 1000, 5) == 0) {
        out_ += '-';
        AppendPadded(1 + OfListing(kPostal + 2000, 9998), 4, &out_);
      }
      return;
    }
    constexpr std::string_view kLetters = "ABCEGHJKLMNPRSTVWXYZ";
    const uint64_t draw = OfListing(kPostal, 10 * kLetters.size() * 10);
    out_.append(place_->postal);
    if (OfListing(kPostal + 1000, 10) != 0) out_ += ' ';
    out_ += static_cast<char>('0' + draw % 10);
    out_ += kLetters[draw / 10 % kLetters.size()];
    out_ += static_cast<char>('0' + draw / 10 / kLetters.size());
  }

  // "1234 W Oak Avenue #12" or "1234, rue de la Montagne Ouest".
  void Address() {
    const auto streets = place_->french ? FrenchStreets() : EnglishStreets();
    const GeneratorStreet& street = streets[OfListing(kStreet, streets.size())];
    const uint64_t house = 1 + OfListing(kHouse, 9998), unit = condominium_ ? 1 + OfListing(kUnit, 2400) : 0;
    const uint64_t direction = OfListing(kDirection, 2 * std::size(kDirections));
    const std::string_view prefix = !place_->french && direction < std::size(kDirections) ? kDirections[direction] : "";
    const bool west = place_->french && direction % 3 == 0;

    Number(",\"StreetNumber\":\"", house);
    if (!prefix.empty()) Text("\",\"StreetDirPrefix\":\"", prefix);
    Text("\",\"StreetName\":\"", street.link);
    out_.append(street.name);
    Text("\",\"StreetSuffix\":\"", street.type);
    if (west) out_ += "\",\"StreetDirSuffix\":\"O";
    if (unit > 0) Number("\",\"UnitNumber\":\"", unit);

    Number("\",\"UnparsedAddress\":\"", house);
    if (place_->french) {
      out_.append(", ").append(street.type).append(" ").append(street.link).append(street.name);
      if (west) out_ += " Ouest";
      if (unit > 0) Number(", app. ", unit);
    } else {
      out_ += ' ';
      if (!prefix.empty()) out_.append(prefix).append(" ");
      out_.append(street.name).append(" ").append(street.type);
      if (unit > 0) Number(" #", unit);
    }
    Text("\",\"City\":\"", place_->city);
    if (v_.fault == GeneratedFault::kBadUtf8) out_ += "\xc3\x28\xff";
    Text("\",\"CountyOrParish\":\"", place_->county);
    Text("\",\"StateOrProvince\":\"", v_.fault == GeneratedFault::kUnknownProvince ? "ZZ" : place_->state);
    out_ += "\",\"PostalCode\":\"";
    PostalCode();
    Text("\",\"Country\":\"", place_->canada ? "CA" : "US");
    out_ += '"';
    Degrees(",\"Latitude\":", place_->latitude_e4, OfListing(kPoint, 1000));
    Degrees(",\"Longitude\":", place_->longitude_e4, OfListing(kPoint + 1000, 1000));
  }

  // `middle_e4` in 1e-4 degrees, moved by up to 0.05 degrees either way.
  void Degrees(std::string_view before, int32_t middle_e4, uint64_t draw) {
    const int64_t e4 = int64_t{middle_e4} + static_cast<int64_t>(draw) - 500;
    out_.append(before);
    if (e4 < 0) out_ += '-';
    const uint64_t size = static_cast<uint64_t>(e4 < 0 ? -e4 : e4);
    AppendNumber(size / 10'000, &out_);
    out_ += '.';
    AppendPadded(size % 10'000, 4, &out_);
  }

  void Structure() {
    const uint64_t bedrooms = 1 + OfListing(kRooms, 6), full = 1 + OfListing(kRooms + 1000, 3),
                   half = OfListing(kRooms + 2000, 2);
    if (v_.fault == GeneratedFault::kOverflow && OfVersion(kFaultKind, 2) == 1) {
      out_ += ",\"BedroomsTotal\":99999999999999999999";
    } else if (v_.fault == GeneratedFault::kWrongType && OfVersion(kFaultKind, 2) == 1) {
      out_ += ",\"BedroomsTotal\":[3]";
    } else {
      Number(",\"BedroomsTotal\":", bedrooms);
    }
    Number(",\"BathroomsTotalInteger\":", full + half);
    Number(",\"BathroomsFull\":", full);
    Number(",\"BathroomsHalf\":", half);
    const uint64_t square_feet = 500 + OfListing(kSize, 4000);
    if (place_->canada) {
      Number(",\"LivingArea\":", square_feet / 11);
      Number(".5,\"LivingAreaUnits\":\"Square Meters\",\"LotSizeArea\":", 150 + OfListing(kSize + 1000, 2000));
      out_ += ",\"LotSizeUnits\":\"Square Meters\"";
    } else {
      Number(",\"LivingArea\":", square_feet);
      Number(",\"LivingAreaUnits\":\"Square Feet\",\"LotSizeArea\":0.", 1 + OfListing(kSize + 1000, 9));
      out_ += ",\"LotSizeUnits\":\"Acres\"";
    }
    Number(",\"YearBuilt\":", 1900 + OfListing(kYear, 120));
  }

  void Rest() {
    out_ += place_->french ? ",\"PublicRemarks\":\"Belle propriété, près de \\\"tout\\\".\""
                           : ",\"PublicRemarks\":\"Close to \\\"everything\\\".\\nMust see!\"";
    if (OfListing(kPhotos, 3) == 0) {
      out_ += ",\"Media\":[{\"MediaKey\":\"";
      AppendKey();
      Number("-0\",\"Order\":0,\"MediaURL\":\"https://photos.example/", v_.listing);
      out_ += ".jpeg\"}]";
    }
    if (v_.unknown_fields) {
      Number(",\"X_BrokerNote\":{\"text\":\"ask for Kim\",\"floor\":", OfVersion(kPhotos, 40));
      out_ += ",\"tags\":[\"a\",null,true]},\"X_WalkScore\":null";
    }
  }

  const Random& random_;
  const GeneratedVersion& v_;
  std::string& out_;
  const GeneratorPlace* place_ = nullptr;
  bool closed_ = false, condominium_ = false;
};

}  // namespace

void WriteGeneratedRecord(const Random& random, const GeneratedVersion& version, std::string* out) {
  Writer(random, version, out).Write();
}

}  // namespace millrace::property
