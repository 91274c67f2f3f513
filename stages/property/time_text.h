// Dates and instants as sources write them.
//
// Threading: pure functions.
#ifndef MILLRACE_STAGES_PROPERTY_TIME_TEXT_H_
#define MILLRACE_STAGES_PROPERTY_TIME_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::property {

// Days since 1970-01-01; nullopt when it is no date of the Gregorian calendar in the years 1 … 9999.
std::optional<int32_t> DaysFromCivil(int year, int month, int day);

// A day: "2014-10-13", or basic with midnight as King County has it, "20141013T000000".
struct CivilDay {
  int year = 0;
  int month = 0;
  int day = 0;
  int32_t days = 0;  // since 1970-01-01
};
std::optional<CivilDay> ParseDay(std::string_view text);

// "2014-10-13"
std::string FormatDay(const CivilDay& day);

// An instant as in Edm.DateTimeOffset: "2024-02-29T23:59:59.123Z", "…+05:30". The offset must be there. Microseconds
// since 1970-01-01T00:00:00Z; digits beyond them are dropped. nullopt when it is none, a leap second included.
std::optional<int64_t> ParseInstant(std::string_view text);

// "2024-02-29T23:59:59.123Z": up to six decimals, none where they are zero. For instants that ParseInstant returned.
std::string FormatInstant(int64_t micros);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_TIME_TEXT_H_
