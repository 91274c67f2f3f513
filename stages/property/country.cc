#include "stages/property/country.h"

namespace millrace::property {
namespace {

// Blanks around each code, so that a code can be found as " XX ". A test holds these against the postal data.
constexpr std::string_view kStates =
    " AA AE AK AL AP AR AS AZ CA CO CT DC DE FL FM GA GU HI IA ID IL IN KS KY LA MA MD ME MH MI MN MO MP MS MT NC ND "
    "NE NH NJ NM NV NY OH OK OR PA "
    "PR PW RI SC SD TN TX UT VA VI VT WA WI WV WY ";
constexpr std::string_view kProvinces = " AB BC MB NB NF NL NS NT NU ON PE QC SK YT ";

bool Holds(std::string_view codes, std::string_view code) {
  for (size_t at = 1; at + 1 < codes.size(); at += 3) {
    if (codes[at] == code[0] && codes[at + 1] == code[1]) return true;
  }
  return false;
}

}  // namespace

std::string_view CountryOfState(std::string_view state_or_province) {
  if (state_or_province.size() != 2) return {};
  if (Holds(kProvinces, state_or_province)) return "CA";
  if (Holds(kStates, state_or_province)) return "US";
  return {};
}

}  // namespace millrace::property
