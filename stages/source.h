// A source: where jobs come from before they are on the bus (files, an API, a generator). It reads; publishing, the
// journal of accepted jobs and the checkpoint are the feeder's (stages/feeder.h), which moves the checkpoint only
// behind confirmed records.
//
// A source publishes raw records: what cannot be parsed is a job too, and ends as a dead letter of the stage that
// parses.
//
// Threading: one thread at a time.
#ifndef MILLRACE_STAGES_SOURCE_H_
#define MILLRACE_STAGES_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/message.h"

namespace millrace::stages {

struct SourceRecord {
  std::string_view id;  // stable: reading the same place again gives the same id. Unique in the source.
  std::optional<std::string_view> key = std::nullopt;
  std::string_view body;
  std::string_view type = {};
  std::string_view content_type = {};
  std::string_view subject = {};
  bus::Headers headers = {};
  // Where reading goes on after this record, opaque: what Seek understands.
  std::string_view position;
};

class SourceSink {
 public:
  virtual ~SourceSink() = default;
  // Copies the record.
  virtual void Add(const SourceRecord& record) = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // Goes to a position that a record carried (empty: the beginning). InvalidArgument when the input is not what it was
  // then (shorter, another file).
  virtual absl::Status Seek(std::string_view position) = 0;
  // Adds up to `records_max` records, fewer only at the end or when it would have to wait. False at the end of a finite
  // input. Errors: NotFound, PermissionDenied, InvalidArgument (not such a file at all: wrong header, empty) end the
  // feed with a clear message; Unavailable is tried again. A record that is merely broken is a record.
  virtual absl::StatusOr<bool> Read(size_t records_max, SourceSink& sink) = 0;
  // How far reading has come, 0 … 1; nullopt where the end is unknown. For progress bars.
  virtual std::optional<double> Progress() const { return std::nullopt; }
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_SOURCE_H_
