// Splits the bytes of one CSV record into fields (RFC 4180). Where records begin and end is the feed's business.
//
//   CsvRecord record({"id", "price"});
//   if (absl::Status s = record.Split(R"("7129300520",221900)"); !s.ok()) return s;
//   record[1] == "221900"
//
// Threading: one object, one thread. Ownership: fields view into the record passed in or into this object, until the
// next Split.
#ifndef MILLRACE_STAGES_PROPERTY_CSV_RECORD_H_
#define MILLRACE_STAGES_PROPERTY_CSV_RECORD_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace millrace::property {

class CsvRecord {
 public:
  explicit CsvRecord(std::span<const std::string_view> columns)
      : columns_(columns.begin(), columns.end()), fields_(columns.size()) {}

  // A line break at the end is not part of the record. Errors: InvalidArgument names the column and what is wrong with
  // it: a quote left open, text behind a closing quote, a quote inside a field without quotes, a NUL byte; or says that
  // the number of fields is not that of the columns.
  absl::Status Split(std::string_view record);

  std::string_view operator[](size_t column) const { return fields_[column]; }
  size_t size() const { return fields_.size(); }

 private:
  // Reads one field at `at`, which moves behind it. `column` may be one too many.
  absl::Status ReadField(std::string_view record, size_t& at, size_t column, std::string_view& field);
  absl::Status ReadQuoted(std::string_view record, size_t& at, size_t column, std::string_view& field);
  std::string Column(size_t column) const;

  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;
  std::string unescaped_;  // of fields with doubled quotes; reserved before it is viewed
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_CSV_RECORD_H_
