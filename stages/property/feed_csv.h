// A CSV file as input: each record raw, as it stands in the file (stages/property/csv_scan.h says where one ends).
// Lines with nothing on them are no records. NUL bytes and invalid UTF-8 pass through: they are the parser's to refuse.
//
// Id: "<input>:<line>:<digest of the body>". Key: the first column. A record over the limit is cut (kHeaderCut).
//
// Threading: one thread at a time.
#ifndef MILLRACE_STAGES_PROPERTY_FEED_CSV_H_
#define MILLRACE_STAGES_PROPERTY_FEED_CSV_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stages/property/feed_bytes.h"
#include "stages/property/feed_input.h"

namespace millrace::property {

struct CsvFormat {
  std::string_view header;  // the first line, exactly
  std::string_view type;
};

// King County sales, Vancouver building permits.
extern const CsvFormat kKingCountyFormat;
extern const CsvFormat kVancouverFormat;

class CsvInput final : public FeedInput {
 public:
  // `name` is the input's name in ids. Errors: as FileBytes::Open; InvalidArgument for an empty file, and for a header
  // that is another one, with both.
  static absl::StatusOr<std::unique_ptr<CsvInput>> Open(std::string name, const CsvFormat& format,
                                                        const std::string& path);

  absl::Status Seek(std::string_view position) override;
  absl::StatusOr<const FeedRecord*> Next() override;
  std::string_view position() const override { return position_; }
  double Progress() const override;

 private:
  CsvInput(std::string name, const CsvFormat& format, std::unique_ptr<FileBytes> file)
      : name_(std::move(name)), format_(format), file_name_(BaseName(file->path())), file_(std::move(file)) {}

  absl::Status ReadHeader();
  void Fill(std::string_view body, uint64_t whole_bytes);
  // Takes in a line that is longer than the limit; its end may be far.
  absl::StatusOr<const FeedRecord*> TakeLongLine();
  void MoveTo(uint64_t offset, uint64_t lines);

  const std::string name_;
  const CsvFormat& format_;
  const std::string file_name_;
  const std::unique_ptr<FileBytes> file_;
  std::string identity_;
  uint64_t header_bytes_ = 0;
  uint64_t offset_ = 0;  // where the next record begins,
  uint64_t line_ = 1;    // and on which line

  FeedRecord record_;
  std::string id_, subject_, position_, cut_, headers_, long_body_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FEED_CSV_H_
