// The feed's journal: the ids of all accepted jobs, appended as their confirms come. It is what the ledger counts from,
// so it is a set: an id that is in it twice was accepted once, and republished after a crash.
//
//   auto journal = Journal::Open(out_dir + "/feed.journal");
//   (*journal)->Append("king_county:17:a3…");
//   absl::Status durable = (*journal)->Sync();                       // before the checkpoint moves
//   ReadJournal(path, [](std::string_view id) { ... });              // by anybody, also while it is being written
//
// The file: 8 bytes "MRJRNL1\n", then records {u32 length, u32 digest, length bytes}, numbers little-endian, digest =
// low half of XXH3-64 over the bytes seeded with the length. A crash leaves at most a torn tail: Open cuts the file
// behind the last whole record. What was synced is covered by the checkpoint, which says how long the journal was then:
// if it is shorter, it was damaged (Feeder says so).
//
// Errors      the first failed write or sync is kept and returned by every later call: a journal with a hole is worse
//             than one that stops.
// Threading   one object, one thread. One process at a time: the lock file `<path>.lock` is held from Open to the end.
#ifndef MILLRACE_STAGES_JOURNAL_H_
#define MILLRACE_STAGES_JOURNAL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/durable_file.h"

namespace millrace::stages {

class Journal {
 public:
  // Makes the file where there is none, and cuts off what cannot be read at its end. FailedPrecondition: another run
  // holds it. InvalidArgument: the file is no journal. DataLoss: less than `durable_bytes` of it, which were on the disk
  // once, can be read; nothing is cut then.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path, uint64_t durable_bytes = 0);

  // Adds an id (at most kIdBytesMax long) to what the next Flush writes.
  void Append(std::string_view id);
  // Writes what was appended: it survives the process.
  absl::Status Flush();
  // Flush, and returns when all is on the disk: it survives the machine. Blocking.
  absl::Status Sync();

  // Length of the file with everything flushed, in bytes and records (those found by Open included).
  uint64_t bytes() const { return bytes_; }
  uint64_t records() const { return records_; }
  // What Open cut off as a torn tail.
  uint64_t cut_bytes() const { return cut_bytes_; }

  static constexpr size_t kIdBytesMax = 1 << 16;

 private:
  Journal(std::unique_ptr<FileLock> lock, std::unique_ptr<AppendFile> file)
      : lock_(std::move(lock)), file_(std::move(file)) {}

  const std::unique_ptr<FileLock> lock_;
  const std::unique_ptr<AppendFile> file_;
  std::string buffer_;
  uint64_t buffered_records_ = 0;
  uint64_t bytes_ = 0;
  uint64_t records_ = 0;
  uint64_t cut_bytes_ = 0;
  bool unsynced_ = false;
  absl::Status status_;
};

struct JournalExtent {
  uint64_t bytes = 0;  // up to the end of the last whole record
  uint64_t records = 0;
  uint64_t torn_bytes = 0;  // behind it
};

// Calls back for each whole record from the beginning, then says how far that went. Reads in chunks. NotFound where
// there is no file; InvalidArgument where it is no journal.
absl::StatusOr<JournalExtent> ReadJournal(const std::string& path,
                                          const std::function<void(std::string_view)>& callback);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_JOURNAL_H_
