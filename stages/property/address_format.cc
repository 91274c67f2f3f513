#include "stages/property/address_format.h"

#include "stages/property/country.h"
#include "stages/property/postal.h"

namespace millrace::property {
namespace {

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

bool IsSeparator(char c) { return c == ' ' || c == ','; }

void AppendField(std::string_view prefix, std::string_view field, std::string* line) {
  if (field.empty()) return;
  if (!line->empty()) *line += ' ';
  line->append(prefix);
  line->append(field);
}

// Takes `part` off the end of `text` when it stands there as whole words, whatever the case; blanks and commas before
// it too. The text is left alone where nothing would remain.
bool TakeOffEnd(std::string_view part, std::string_view* text) {
  if (part.empty() || part.size() >= text->size()) return false;
  const size_t at = text->size() - part.size();
  for (size_t i = 0; i < part.size(); ++i) {
    if (Upper((*text)[at + i]) != Upper(part[i])) return false;
  }
  if (!IsSeparator((*text)[at - 1])) return false;
  std::string_view rest = text->substr(0, at);
  while (!rest.empty() && IsSeparator(rest.back())) rest.remove_suffix(1);
  if (rest.empty()) return false;
  *text = rest;
  return true;
}

// "123 Main St, Seattle, WA 98101, USA" → "123 Main St". The city goes only where a comma or something behind it shows
// that it is one.
std::string_view WithoutPlace(const Listing& listing) {
  std::string_view text = listing.unparsed_address();
  while (!text.empty() && IsSeparator(text.back())) text.remove_suffix(1);
  bool taken = false;
  for (std::string_view country : {"USA", "US", "UNITED STATES", "CANADA", "CA"}) {
    // "CA" is California, too, where it is the state.
    if (country == "CA" && listing.state_or_province() == "CA") continue;
    if (TakeOffEnd(country, &text)) break;
  }
  taken |= TakeOffEnd(listing.postal_code(), &text);
  taken |= TakeOffEnd(listing.state_or_province(), &text);
  const std::string& city = listing.city();
  if (text.size() > city.size() + 1 && !city.empty()) {
    std::string_view before = text.substr(0, text.size() - city.size());
    while (!before.empty() && before.back() == ' ') before.remove_suffix(1);
    if (taken || (!before.empty() && before.back() == ',')) TakeOffEnd(city, &text);
  }
  return text;
}

}  // namespace

void AppendStreetLine(const Listing& listing, std::string* line) {
  if (listing.street_name().empty()) {
    line->append(WithoutPlace(listing));
    return;
  }
  AppendField("", listing.street_number(), line);
  AppendField("", listing.street_dir_prefix(), line);
  AppendField("", listing.street_name(), line);
  AppendField("", listing.street_suffix(), line);
  AppendField("", listing.street_dir_suffix(), line);
  const std::string& unit = listing.unit_number();
  // "5" needs a sign that it is a unit; "APT 5" and "#5" have it.
  AppendField(unit.find_first_of(" #") == std::string::npos ? "# " : "", unit, line);
}

std::string StandardPostalCode(std::string_view country, std::string_view code, std::string_view plus4) {
  std::string standard;
  for (char c : code) standard += Upper(c);
  if (country == "CA" && IsCanadianPostalCode(code)) {
    if (standard.size() == 6) standard.insert(3, 1, ' ');
  } else if (country == "US" && IsUsPostalCode(code)) {
    if (standard.size() == 10) standard[5] = '-';
    if (standard.size() == 5 && plus4.size() == 4) standard.append("-").append(plus4);
  }
  return standard;
}

void AddressFormatter::Standardise(Listing& listing) {
  StandardAddress& address = *listing.mutable_address();
  address.Clear();
  const std::string_view country = CountryOf(listing.country(), listing.state_or_province());
  line_.clear();
  AppendStreetLine(listing, &line_);
  (country == "CA" ? canada_ : us_).Parse(line_, &address);
  if (!listing.city().empty()) AppendClean(listing.city(), country == "CA", address.mutable_city());
  if (!listing.state_or_province().empty()) {
    // The dictionary lists NF; mail goes to NL.
    address.mutable_state_or_province()->assign(listing.state_or_province() == "NF" ? "NL"
                                                                                    : listing.state_or_province());
  }
  if (!listing.postal_code().empty()) {
    *address.mutable_postal_code() = StandardPostalCode(country, listing.postal_code(), listing.postal_code_plus4());
  }
  address.mutable_country()->assign(country);
}

}  // namespace millrace::property
