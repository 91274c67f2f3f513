// Countries, states and provinces, by the codes that records carry.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_COUNTRY_H_
#define MILLRACE_STAGES_PROPERTY_COUNTRY_H_

#include <string_view>

namespace millrace::property {

// "US" or "CA" for a two-letter code of a state or province, NF (the dictionary's Newfoundland) as well as NL; empty
// for any other. No code belongs to both countries.
std::string_view CountryOfState(std::string_view state_or_province);

// The country a record says; where it says none, that of its state or province.
inline std::string_view CountryOf(std::string_view country, std::string_view state_or_province) {
  return country.empty() ? CountryOfState(state_or_province) : country;
}

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_COUNTRY_H_
