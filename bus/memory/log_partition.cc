#include "bus/memory/log_partition.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::bus {
uint32_t LogPartition::Chunk::IndexOf(int64_t offset) const {
  if (offset <= first) return 0;
  // Without gaps the offset says the index; with gaps the record lies before that.
  const uint64_t distance = static_cast<uint64_t>(offset - first);
  if (distance < count && begin()[distance].offset == offset) return static_cast<uint32_t>(distance);
  const Delivery* to = begin() + std::min<uint64_t>(distance, count);
  const Delivery* at = std::lower_bound(begin(), to, offset, [](const Delivery& d, int64_t o) { return d.offset < o; });
  return static_cast<uint32_t>(at - begin());
}

// The bytes of a record begin with its headers, so the view of these says where, even where it is empty.
uint64_t LogPartition::Chunk::BytesOf(uint32_t index) const {
  if (index == 0) return 0;
  const char* at = begin()[index - 1].message.headers.block().data();
  return static_cast<uint64_t>(end() - at) + index * kRecordBytes;
}

void LogPartition::ResetTo(int64_t start) {
  MR_CHECK(records_ == 0) << "only an empty log can be reset";
  start_ = end_ = start;
}

void LogPartition::Begin(Chunk& chunk) {
  chunk.low = chunk.end();
  chunk.next = chunk.segment->data();
  chunk.count = 0;
  chunk.first = end_;
  chunk.records_before = records_;
  chunk.position_before = position_;
}

LogPartition::Chunk& LogPartition::MakeRoom(size_t footprint) {
  if (last_ != nullptr) {
    // Nobody may read it any more: not from the log, which begins behind it, and not from before, as nobody holds it.
    if (start_ == end_ && last_->segment.unique()) Begin(*last_);
    if (static_cast<size_t>(last_->low - last_->next) >= footprint) return *last_;
  }
  Chunk chunk;
  chunk.segment = pool_->Take(footprint + 8);
  Begin(chunk);
  last_ = &chunks_.push_back(std::move(chunk));
  return *last_;
}

size_t LogPartition::ChunkOf(int64_t offset) const {
  size_t low = 0, high = chunks_.size();  // the answer is in [low, high), or 0
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (chunks_[middle].first <= offset ? low : high) = middle;
  }
  return low;
}

LogPartition::Slice LogPartition::Read(int64_t offset, size_t max) const {
  Slice slice{.records = {}, .segment = {}, .next = end_};
  if (chunks_.empty() || max == 0) {
    if (max == 0) slice.next = offset;
    return slice;
  }
  size_t c = ChunkOf(offset);
  uint32_t index = chunks_[c].IndexOf(offset);
  if (index == chunks_[c].count && c + 1 < chunks_.size()) {
    ++c;
    index = 0;
  }
  const Chunk& chunk = chunks_[c];
  if (index == chunk.count) return slice;
  const size_t count = std::min<size_t>(max, chunk.count - index);
  slice.records = {chunk.begin() + index, count};
  slice.segment = chunk.segment;
  const bool last = c + 1 == chunks_.size() && index + count == chunk.count;
  slice.next = last ? end_ : slice.records.back().offset + 1;
  return slice;
}

uint64_t LogPartition::RecordsBefore(int64_t offset) const {
  if (chunks_.empty() || offset >= end_) return records_;
  const Chunk& chunk = chunks_[ChunkOf(std::max(offset, start_))];
  return chunk.records_before + chunk.IndexOf(std::max(offset, start_));
}

uint64_t LogPartition::PositionOf(int64_t offset) const {
  if (chunks_.empty() || offset >= end_) return position_;
  const Chunk& chunk = chunks_[ChunkOf(std::max(offset, start_))];
  return chunk.position_before + chunk.BytesOf(chunk.IndexOf(std::max(offset, start_)));
}

void LogPartition::DropBefore(int64_t offset) {
  start_ = std::max(start_, std::min(offset, end_));
  // The last one stays: there is room in it.
  while (chunks_.size() > 1 && chunks_[1].first <= start_) chunks_.pop_front();
}

int64_t LogPartition::TrimPoint(uint64_t keep_bytes) const {
  int64_t point = start_;
  for (size_t c = 1; c < chunks_.size() && position_ - chunks_[c].position_before >= keep_bytes; ++c) {
    point = std::max(point, chunks_[c].first);
  }
  return point;
}

}  // namespace millrace::bus
