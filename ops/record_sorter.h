// Sorts more records than memory holds: byte strings in, the same in ascending order out (as unsigned bytes), in
// bounded memory and one temporary file.
//
//   RecordSorter sorter(folder, 32 << 20);
//   sorter.Add(record);                                            // … as often as needed
//   absl::Status s = sorter.ForEach([](std::string_view record) { … });
//
// Effect      Runs that fill the memory are sorted and written out, then merged. The file has no name, so it goes
//             when the sorter or the process does.
// Blocking    on the disk.
// Errors      those of the file system (no room, no permission), naming the folder; the first one is returned by
//             every later call.
// Threading   one thread.
#ifndef MILLRACE_OPS_RECORD_SORTER_H_
#define MILLRACE_OPS_RECORD_SORTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace millrace::ops {

class RecordSorter {
 public:
  // `memory_bytes` for records, and a third as much again for sorting them.
  RecordSorter(std::string folder, size_t memory_bytes);
  ~RecordSorter();
  RecordSorter(const RecordSorter&) = delete;
  RecordSorter& operator=(const RecordSorter&) = delete;

  absl::Status Add(std::string_view record);
  // Once, at the end. Records are valid during the call.
  absl::Status ForEach(const std::function<void(std::string_view)>& callback);

 private:
  struct Entry {
    uint64_t prefix;  // the first bytes, so that most comparisons stay in here
    uint32_t offset;
    uint32_t size;
  };
  struct Run {
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  class RunReader;

  void SortEntries();
  absl::Status WriteRun();
  absl::Status OpenFile();
  absl::Status Append(std::string_view bytes);
  absl::Status Merge(const std::function<void(std::string_view)>& callback);

  const std::string folder_;
  const size_t memory_bytes_;
  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<Run> runs_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;
  absl::Status status_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_RECORD_SORTER_H_
