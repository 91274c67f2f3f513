// One partition's log: records in segments, offsets that may have gaps, a start that moves up.
//
// A segment holds records from its front (an array of Delivery, so that a fetch is a span of it and copies nothing) and
// bytes from its back; it is full where they meet. Positions count bytes from the partition's first record on: a record
// takes its bytes, rounded up to 8, and kRecordBytes.
//
// Threading: one thread at a time. What was fetched may be read by any thread while others append: records are never
// written again. Ownership: a segment lives as long as the partition or a fetched SegmentRef needs it.
#ifndef MILLRACE_BUS_MEMORY_LOG_PARTITION_H_
#define MILLRACE_BUS_MEMORY_LOG_PARTITION_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>

#include "bus/delivery.h"
#include "bus/memory/queue_ring.h"
#include "bus/message.h"
#include "bus/segment.h"

namespace millrace::bus {

class LogPartition {
 public:
  static constexpr size_t kRecordBytes = sizeof(Delivery);

  explicit LogPartition(SegmentPool& pool) : pool_(&pool) {}
  // An empty log that begins at `start`: what a snapshot is loaded into.
  void ResetTo(int64_t start);

  // What a record of that message takes.
  static size_t Footprint(const Message& message) { return ((message.Bytes() + 7) & ~size_t{7}) + kRecordBytes; }

  // Copies the message in; returns its offset. `footprint` is that of the message, for callers that know it.
  int64_t Append(const Message& message, size_t footprint);
  int64_t Append(const Message& message) { return Append(message, Footprint(message)); }
  // The next `count` offsets have no record: a transaction's marker, or what compaction took out.
  void AppendGap(int64_t count) { end_ += count; }

  struct Slice {
    std::span<const Delivery> records;
    SegmentRef segment;
    int64_t next = 0;  // where to go on: behind the records, and behind a gap where one follows at the log's end
  };
  // Records from `offset` on (start() ≤ offset ≤ end()), at most `max`, all of one segment; none where there is none.
  Slice Read(int64_t offset, size_t max) const;

  int64_t start() const { return start_; }
  int64_t end() const { return end_; }
  uint64_t records() const { return records_; }    // ever appended
  uint64_t position() const { return position_; }  // of the end
  // Bytes held for records from start() on.
  uint64_t bytes() const { return position_ - PositionOf(start_); }
  // Records and bytes before `offset`, ever; offsets outside count as start() or end().
  uint64_t RecordsBefore(int64_t offset) const;
  uint64_t PositionOf(int64_t offset) const;

  // The log starts at `offset` at least, at most at end(); segments wholly before it are given back.
  void DropBefore(int64_t offset);
  // Where the log has to start for whole segments at its front to be given back, and at least `keep_bytes` to stay.
  int64_t TrimPoint(uint64_t keep_bytes) const;

 private:
  struct Chunk {
    SegmentRef segment;
    char* low = nullptr;   // lowest byte in use at the back
    char* next = nullptr;  // where the next record goes at the front
    uint32_t count = 0;    // records
    int64_t first = 0;     // offset of its first record
    uint64_t records_before = 0;
    uint64_t position_before = 0;

    const Delivery* begin() const { return reinterpret_cast<const Delivery*>(segment->data()); }
    char* end() const { return segment->data() + (segment->capacity() & ~size_t{7}); }
    // Index of the first record at or behind `offset`.
    uint32_t IndexOf(int64_t offset) const;
    // Bytes of its first `index` records.
    uint64_t BytesOf(uint32_t index) const;
  };

  // A chunk with room: a new one, or the last one over again.
  Chunk& MakeRoom(size_t footprint);
  void Begin(Chunk& chunk);
  // Index of the last chunk that begins at or before `offset`; 0 where none does.
  size_t ChunkOf(int64_t offset) const;

  SegmentPool* pool_;
  Chunk* last_ = nullptr;  // where to append; nullptr where there is none
  Ring<Chunk> chunks_;
  int64_t start_ = 0;
  int64_t end_ = 0;
  uint64_t records_ = 0;
  uint64_t position_ = 0;
};

// The hot path: what a message costs is mostly here.
inline int64_t LogPartition::Append(const Message& message, size_t footprint) {
  Chunk* chunk = last_;
  // With nothing left in the log the same few cache lines serve again.
  const bool over_again = start_ == end_;
  if (chunk == nullptr || over_again || static_cast<size_t>(chunk->low - chunk->next) < footprint)
    chunk = &MakeRoom(footprint);
  chunk->low -= footprint - kRecordBytes;
  char* at = chunk->low;
  const auto put = [&at](std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    const std::string_view view(at, bytes.size());
    at += bytes.size();
    return view;
  };
  Delivery* record = new (chunk->next) Delivery;
  record->sequence = static_cast<uint64_t>(end_);
  record->offset = end_;
  record->message.headers = Headers(put(message.headers.block()));
  if (message.key) record->message.key = put(*message.key);
  if (message.body) record->message.body = put(*message.body);
  record->message.timestamp_ms = message.timestamp_ms;
  chunk->next += kRecordBytes;
  ++chunk->count;
  ++records_;
  position_ += footprint;
  return end_++;
}

}  // namespace millrace::bus

#endif  // MILLRACE_BUS_MEMORY_LOG_PARTITION_H_
