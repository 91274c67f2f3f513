// The file that mem: is saved to: a stream of numbers and byte strings in checked blocks.
//
//   "MRBUSNAP", uint32 version; then blocks: uint32 length, uint64 digest (XXH3 of the payload, seeded with the block's
//   number), payload; at the end a block of length 0. All little-endian. What the stream says is written down where it
//   is written: log_bus.cc and queue_bus.cc.
//
// The writer writes beside the file and puts its work in the file's place in Finish, after fsync of both file and
// folder.
//
// Threading: one thread at a time. Blocking: file I/O. Errors: the first one stays and is told by Finish or status();
// what is read after it is 0.
#ifndef MILLRACE_BUS_MEMORY_SNAPSHOT_H_
#define MILLRACE_BUS_MEMORY_SNAPSHOT_H_

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bus/message.h"

namespace millrace::bus {

class SnapshotWriter {
 public:
  explicit SnapshotWriter(std::string path);
  // Without Finish nothing has happened.
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  void Number(uint64_t value);
  void Bytes(std::string_view bytes);
  void MaybeBytes(const std::optional<std::string_view>& bytes);
  void Record(const Message& message);

  // Unavailable, naming the file and the system's reason.
  absl::Status Finish();

 private:
  void Put(std::string_view bytes);
  void Flush(bool last);
  void WriteAll(std::string_view bytes);
  void Fail(const char* what);

  const std::string path_;
  const std::string temporary_;
  int file_ = -1;
  bool finished_ = false;
  uint64_t block_ = 0;
  std::string buffer_;
  absl::Status status_;
};

class SnapshotReader {
 public:
  // status() tells whether it could be opened: NotFound, Unavailable, DataLoss for what is no such file,
  // FailedPrecondition for a later version.
  explicit SnapshotReader(std::string path);
  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  uint64_t Number();
  // At most `most`, else the file is taken for damaged.
  uint64_t Number(uint64_t most);
  std::string Bytes();
  // The views of the message are valid until the next call.
  Message Record();
  // Nothing follows; else the file is taken for damaged.
  void ExpectEnd();
  // What was read makes no sense.
  void Damaged(const std::string& what);

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  bool Get(char* into, size_t size);
  bool NextBlock();

  const std::string path_;
  int file_ = -1;
  uint64_t file_bytes_ = 0;
  uint64_t read_ = 0;  // bytes of the file
  uint64_t block_ = 0;
  bool ended_ = false;
  std::string buffer_;
  size_t at_ = 0;
  std::string key_, body_, headers_;
  absl::Status status_;
};

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_SNAPSHOT_H_
