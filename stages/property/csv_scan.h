// Where one CSV record ends. A line break inside a quoted field belongs to the record; a quote counts as opening only
// at the start of a field.
//
// Broken input can't swallow its neighbours: a record ends at its first line break, whatever the quotes say, when a
// quote is still open at the end of the file, or it would be longer than the limit or than kCsvLinesMax lines, or a
// field over several lines has text behind its closing quote (which then is another field's opening one). So a stray
// quote breaks one line, and the lines behind it are read as they stand.
//
// Threading: a pure function.
#ifndef MILLRACE_STAGES_PROPERTY_CSV_SCAN_H_
#define MILLRACE_STAGES_PROPERTY_CSV_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::property {

inline constexpr uint64_t kCsvLinesMax = 100;

struct CsvScan {
  enum class Result {
    kRecord,    // bytes[0, size) is one record, the next begins at `next`
    kMore,      // can't be told from these bytes: come again with more of them
    kLongLine,  // a line longer than the limit, whose end is not among these bytes
  };
  Result result = Result::kMore;
  size_t size = 0;     // without the line break
  size_t next = 0;     // behind the line break
  uint64_t lines = 0;  // line breaks up to `next`
};

// Looks at the front of `bytes`. `at_end`: nothing follows them. Asks for more only while bytes.size() <= record_max.
CsvScan ScanCsvRecord(std::string_view bytes, bool at_end, size_t record_max);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_CSV_SCAN_H_
