// A file of lines that is only ever appended to: what the ledger reads later. A crash leaves at most a torn last line,
// which the next Open cuts off.
//
//   auto file = LineFile::Open(out + "/dead_letters.jsonl");
//   (*file)->Append(line);                     // without its line feed
//   absl::Status durable = (*file)->Sync();    // what was appended is on the disk
//   ReadLines(path, [](std::string_view line) { … return absl::OkStatus(); });
//
// Errors      those of the file system; the first failed write is returned by every later call, as a file with a hole
//             must not grow.
// Threading   one object, one thread.
#ifndef MILLRACE_OPS_LINE_FILE_H_
#define MILLRACE_OPS_LINE_FILE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/durable_file.h"

namespace millrace::ops {

class LineFile {
 public:
  static absl::StatusOr<std::unique_ptr<LineFile>> Open(const std::string& path);

  // To memory, until Flush, Sync or until there is much.
  void Append(std::string_view line);
  // What was appended survives the process.
  absl::Status Flush();
  // … and the machine. Blocking.
  absl::Status Sync();

 private:
  explicit LineFile(std::unique_ptr<stages::AppendFile> file) : file_(std::move(file)) {}

  const std::unique_ptr<stages::AppendFile> file_;
  std::string buffer_;
  bool unsynced_ = false;
  absl::Status status_;
};

// Calls back for each whole line, in chunks; a torn last one is left out. Stops at the callback's first error. A file
// that is not there has none.
absl::Status ReadLines(const std::string& path, const std::function<absl::Status(std::string_view)>& callback);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_LINE_FILE_H_
