#include "stages/property/csv_record.h"

#include "absl/strings/str_cat.h"

namespace millrace::property {
namespace {

std::string_view WithoutLineBreak(std::string_view record) {
  if (!record.empty() && record.back() == '\n') record.remove_suffix(1);
  if (!record.empty() && record.back() == '\r') record.remove_suffix(1);
  return record;
}

}  // namespace

std::string CsvRecord::Column(size_t column) const {
  return column < columns_.size() ? columns_[column] : absl::StrCat("field ", column + 1);
}

absl::Status CsvRecord::ReadQuoted(std::string_view record, size_t& at, size_t column, std::string_view& field) {
  size_t first = at + 1;
  const size_t unescaped = unescaped_.size();
  while (true) {
    const size_t quote = record.find('"', first);
    if (quote == std::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat(Column(column), ": quote left open"));
    }
    const bool doubled = quote + 1 < record.size() && record[quote + 1] == '"';
    if (!doubled) {
      field = record.substr(first, quote - first);
      at = quote + 1;
      break;
    }
    unescaped_.append(record.substr(first, quote + 1 - first));
    first = quote + 2;
  }
  if (unescaped_.size() > unescaped) {
    unescaped_.append(field);
    field = std::string_view(unescaped_).substr(unescaped);
  }
  if (at < record.size() && record[at] != ',') {
    return absl::InvalidArgumentError(absl::StrCat(Column(column), ": text behind the closing quote"));
  }
  return absl::OkStatus();
}

absl::Status CsvRecord::ReadField(std::string_view record, size_t& at, size_t column, std::string_view& field) {
  if (at < record.size() && record[at] == '"') {
    if (absl::Status read = ReadQuoted(record, at, column, field); !read.ok()) return read;
  } else {
    const size_t first = at;
    while (at < record.size() && record[at] != ',' && record[at] != '"') ++at;
    if (at < record.size() && record[at] == '"') {
      return absl::InvalidArgumentError(absl::StrCat(Column(column), ": quote inside a field without quotes"));
    }
    field = record.substr(first, at - first);
  }
  if (field.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(Column(column), ": NUL byte"));
  }
  return absl::OkStatus();
}

absl::Status CsvRecord::Split(std::string_view record) {
  record = WithoutLineBreak(record);
  unescaped_.clear();
  unescaped_.reserve(record.size());  // never grows below, so that views into it stay valid
  size_t at = 0;
  for (size_t column = 0;; ++column) {
    std::string_view field;
    if (absl::Status read = ReadField(record, at, column, field); !read.ok()) return read;
    if (column < fields_.size()) fields_[column] = field;
    if (at < record.size()) {
      ++at;  // the comma
      continue;
    }
    if (column + 1 == fields_.size()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("record: ", column + 1, " fields where ", fields_.size(), " are expected"));
  }
}

}  // namespace millrace::property
