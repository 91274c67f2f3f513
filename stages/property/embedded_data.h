// The tables under data/ that the stages need, as bytes inside the binary. Where each comes from stands in the
// SOURCE.txt beside it.
//
// Threading: constant data.
#ifndef MILLRACE_STAGES_PROPERTY_EMBEDDED_DATA_H_
#define MILLRACE_STAGES_PROPERTY_EMBEDDED_DATA_H_

#include <string_view>
#include <utility>

namespace millrace::property {

// key=JSON lines: postal patterns of countries, states and provinces.
std::string_view PostalRulesText();
// Tab-separated with a header line: variant, standard.
std::string_view UsStreetSuffixes();
std::string_view UsDirectionals();
std::string_view UsUnitDesignators();
// Tab-separated with a header line: variant, standard, language ("en", "fr").
std::string_view CanadaStreetTypes();
std::string_view CanadaDirections();
std::string_view CanadaUnitDesignators();

// Takes the next line off `text`, without its line break. False when there is none.
inline bool TakeLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const size_t end = text.find('\n');
  line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return true;
}

// Takes what stands before the next tab off `line`.
inline std::string_view TakeCell(std::string_view& line) {
  const size_t tab = line.find('\t');
  const std::string_view cell = line.substr(0, tab);
  line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
  return cell;
}

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_EMBEDDED_DATA_H_
