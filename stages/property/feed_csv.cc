#include "stages/property/feed_csv.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "stages/property/csv_scan.h"
#include "stages/property/feed_text.h"

namespace millrace::property {
namespace {

constexpr size_t kFirstLook = 4096;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The first column, for the key: what is before the first comma, without its quotes. A value with an escaped quote or a
// comma in it comes out shortened, which is the same for all records of that value.
std::string_view FirstColumn(std::string_view record) {
  if (!record.empty() && record.front() == '"') {
    record.remove_prefix(1);
    return record.substr(0, record.find('"'));
  }
  return record.substr(0, record.find(','));
}

// For messages: `text` up to a readable length, without bytes that would upset a terminal.
std::string Excerpt(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200))
    out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
  return text.size() > 200 ? out + "…" : out;
}

}  // namespace

const CsvFormat kKingCountyFormat = {.header =
                                         "id,date,price,bedrooms,bathrooms,sqft_living,sqft_lot,floors,waterfront,view,"
                                         "condition,grade,sqft_above,sqft_basement,yr_built,"
                                         "yr_renovated,zipcode,lat,long,sqft_living15,sqft_lot15",
                                     .type = kRawKingCounty};

const CsvFormat kVancouverFormat = {
    .header =
        "permit_number,issue_date,project_value,type_of_work,address,property_use,specific_use_category,year,bi_id",
    .type = kRawVancouverPermit};

absl::StatusOr<std::unique_ptr<CsvInput>> CsvInput::Open(std::string name, const CsvFormat& format,
                                                         const std::string& path) {
  absl::StatusOr<std::unique_ptr<FileBytes>> file = FileBytes::Open(path);
  if (!file.ok()) return file.status();
  std::unique_ptr<CsvInput> input(new CsvInput(std::move(name), format, std::move(*file)));
  if (absl::Status header = input->ReadHeader(); !header.ok()) return header;
  return input;
}

absl::Status CsvInput::ReadHeader() {
  const std::string& path = file_->path();
  if (file_->size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is empty: expected a CSV file with the header ", std::string(format_.header)));
  }
  absl::StatusOr<std::string> identity = file_->Identity();
  if (!identity.ok()) return identity.status();
  identity_ = *identity;
  absl::StatusOr<std::string_view> head = file_->View(0, kFirstLook);
  if (!head.ok()) return head.status();
  std::string_view rest = *head;
  if (rest.substr(0, kByteOrderMark.size()) == kByteOrderMark) rest.remove_prefix(kByteOrderMark.size());
  const std::string_view line = rest.substr(0, rest.find('\n'));
  std::string_view header = line;
  if (!header.empty() && header.back() == '\r') header.remove_suffix(1);
  if (header != format_.header) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":1: wrong header: expected \"", std::string(format_.header),
                                                   "\", found \"", Excerpt(header), "\""));
  }
  header_bytes_ = std::min<uint64_t>(head->size() - rest.size() + line.size() + 1, file_->size());
  return Seek("");
}

absl::Status CsvInput::Seek(std::string_view position) {
  if (position.empty()) {
    line_ = 1;
    MoveTo(header_bytes_, 1);
    return absl::OkStatus();
  }
  const size_t blank = position.find(' ');
  if (position.substr(0, blank) != identity_) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_->path(), " is not what it was at the checkpoint (size and digest of its beginning were ",
                     std::string(position.substr(0, blank)), ", are ", identity_,
                     "): put the old file back, or start anew with another output folder"));
  }
  std::string_view numbers = blank == std::string_view::npos ? std::string_view() : position.substr(blank + 1);
  uint64_t offset = 0, line = 0;
  if (!TakeNumber(&numbers, &offset) || !TakeNumber(&numbers, &line) || offset > file_->size()) {
    return absl::InvalidArgumentError(absl::StrCat("no position in ", file_->path(), ": \"", Excerpt(position), "\""));
  }
  line_ = line;
  MoveTo(offset, 0);
  return absl::OkStatus();
}

void CsvInput::MoveTo(uint64_t offset, uint64_t lines) {
  offset_ = offset;
  line_ += lines;
  position_.assign(identity_);
  position_.push_back(' ');
  AppendNumber(offset_, &position_);
  position_.push_back(' ');
  AppendNumber(line_, &position_);
}

void CsvInput::Fill(std::string_view body, uint64_t whole_bytes) {
  subject_.assign(file_name_);
  subject_.push_back(':');
  AppendNumber(line_, &subject_);
  headers_.clear();
  if (whole_bytes > kRecordBytesMax) {
    body = body.substr(0, kRecordBytesMax);
    cut_ = absl::StrCat(whole_bytes, " ", subject_);
    bus::HeaderBuilder(&headers_).Add(kHeaderCut, cut_);
  }
  id_.assign(name_);
  id_.push_back(':');
  AppendNumber(line_, &id_);
  id_.push_back(':');
  AppendDigest(body, &id_);
  record_ = {.id = id_,
             .key = std::nullopt,
             .body = body,
             .type = format_.type,
             .content_type = "text/csv",
             .subject = subject_,
             .headers = bus::Headers(headers_)};
  // A line of megabytes without a comma has no key to speak of.
  const std::string_view key = FirstColumn(body);
  if (!key.empty() && key.size() <= 255) record_.key = key;
}

absl::StatusOr<const FeedRecord*> CsvInput::Next() {
  size_t want = kFirstLook;
  while (offset_ < file_->size()) {
    absl::StatusOr<std::string_view> bytes = file_->View(offset_, want);
    if (!bytes.ok()) return bytes.status();
    const bool at_end = offset_ + bytes->size() == file_->size();
    const CsvScan scan = ScanCsvRecord(*bytes, at_end, kRecordBytesMax);
    if (scan.result == CsvScan::Result::kMore) {
      want = bytes->size() * 2;
      continue;
    }
    if (scan.result == CsvScan::Result::kLongLine) return TakeLongLine();
    if (scan.size > 0) Fill(bytes->substr(0, scan.size), scan.size);
    MoveTo(offset_ + scan.next, scan.lines);
    if (scan.size > 0) return &record_;
  }
  return nullptr;
}

absl::StatusOr<const FeedRecord*> CsvInput::TakeLongLine() {
  absl::StatusOr<std::string_view> bytes = file_->View(offset_, kRecordBytesMax);
  if (!bytes.ok()) return bytes.status();
  long_body_.assign(bytes->substr(0, kRecordBytesMax));
  uint64_t end = offset_ + kRecordBytesMax;
  uint64_t line_break = 0;
  while (end < file_->size() && line_break == 0) {
    bytes = file_->View(end, 1);
    if (!bytes.ok()) return bytes.status();
    const size_t found = bytes->find('\n');
    line_break = found == std::string_view::npos ? 0 : 1;
    end += line_break == 1 ? found : bytes->size();
  }
  Fill(long_body_, end - offset_);
  MoveTo(end + line_break, line_break);
  return &record_;
}

double CsvInput::Progress() const {
  return file_->size() == 0 ? 1.0 : static_cast<double>(offset_) / static_cast<double>(file_->size());
}

}  // namespace millrace::property
