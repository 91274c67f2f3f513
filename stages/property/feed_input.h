// One input of the property feed: a CSV file, a chain of RESO pages, the generator. The feed takes records from its
// inputs in turn.
//
// Threading: one thread at a time.
#ifndef MILLRACE_STAGES_PROPERTY_FEED_INPUT_H_
#define MILLRACE_STAGES_PROPERTY_FEED_INPUT_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/message.h"
#include "stages/property/message_types.h"  // IWYU pragma: export

namespace millrace::property {

// The longest body that is published; what is longer is cut. Leaves room for headers below the usual limit of a broker
// (1 MB).
inline constexpr size_t kRecordBytesMax = 900'000;

// Views into the input, valid until its next call.
struct FeedRecord {
  std::string_view id;
  std::optional<std::string_view> key;
  std::string_view body;
  std::string_view type;
  std::string_view content_type;
  std::string_view subject;  // for people: "kc_house_data.csv:17"
  bus::Headers headers;
};

class FeedInput {
 public:
  virtual ~FeedInput() = default;
  // Goes to where position() was then; empty: the beginning. InvalidArgument when the content has changed since.
  virtual absl::Status Seek(std::string_view position) = 0;
  // The next record; nullptr at the end. Errors as Source::Read.
  virtual absl::StatusOr<const FeedRecord*> Next() = 0;
  // Behind the last record that Next returned: letters, digits, blanks, '.' and '-'.
  virtual std::string_view position() const = 0;
  virtual double Progress() const = 0;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_FEED_INPUT_H_
