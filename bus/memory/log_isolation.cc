#include "bus/memory/log_isolation.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {

void LogIsolation::Append(uint64_t producer, int64_t offset) {
  auto at = std::find_if(open_.begin(), open_.end(), [&](const Open& open) { return open.producer == producer; });
  if (at == open_.end()) at = open_.insert(at, Open{.producer = producer, .runs = {}});
  if (!at->runs.empty() && at->runs.back().end == offset) {
    ++at->runs.back().end;
  } else {
    at->runs.push_back({offset, offset + 1});
  }
}

void LogIsolation::End(uint64_t producer, bool abort) {
  const auto at = std::find_if(open_.begin(), open_.end(), [&](const Open& open) { return open.producer == producer; });
  if (at == open_.end()) return;
  const Open over = std::move(*at);
  open_.erase(at);
  if (!abort) return;
  const size_t before = aborted_.size();
  aborted_.insert(aborted_.end(), over.runs.begin(), over.runs.end());
  std::inplace_merge(aborted_.begin(), aborted_.begin() + static_cast<ptrdiff_t>(before), aborted_.end(),
                     [](const Run& a, const Run& b) { return a.first < b.first; });
}

int64_t LogIsolation::StableEnd(const LogPartition& log) const {
  int64_t stable = log.end();
  for (const Open& open : open_) stable = std::min(stable, open.runs.front().first);
  return stable;
}

const LogIsolation::Run* LogIsolation::AbortedFrom(int64_t offset) const {
  const auto at =
      std::partition_point(aborted_.begin(), aborted_.end(), [offset](const Run& r) { return r.end <= offset; });
  return at == aborted_.end() ? nullptr : &*at;
}

LogPartition::Slice LogIsolation::Read(const LogPartition& log, int64_t offset, size_t max) const {
  const int64_t stable = StableEnd(log);
  LogPartition::Slice seen{.records = {}, .segment = {}, .next = offset};
  if (max == 0) return seen;
  // Until a record may be seen; then on, looking only, to where the next one that may be seen lies.
  while (seen.next < stable) {
    LogPartition::Slice slice = log.Read(seen.next, seen.records.empty() ? max : 1);
    if (slice.records.empty() || slice.records.front().offset >= stable) {
      seen.next = stable;
      break;
    }
    const int64_t first = slice.records.front().offset;
    const Run* aborted = AbortedFrom(first);
    if (aborted != nullptr && aborted->first <= first) {
      seen.next = aborted->end;
      continue;
    }
    if (!seen.records.empty()) {
      seen.next = first;
      break;
    }
    const int64_t until = aborted == nullptr ? stable : std::min(stable, aborted->first);
    const auto end = std::partition_point(slice.records.begin(), slice.records.end(),
                                          [until](const Delivery& d) { return d.offset < until; });
    seen.records = slice.records.first(static_cast<size_t>(end - slice.records.begin()));
    seen.segment = std::move(slice.segment);
    seen.next = seen.records.back().offset + 1;
  }
  return seen;
}

uint64_t LogIsolation::VisibleFrom(const LogPartition& log, int64_t offset) const {
  const int64_t stable = StableEnd(log);
  offset = std::max(offset, log.start());
  if (offset >= stable) return 0;
  uint64_t visible = log.RecordsBefore(stable) - log.RecordsBefore(offset);
  for (const Run* run = AbortedFrom(offset); run != nullptr && run->first < stable; run = AbortedFrom(run->end)) {
    visible -= log.RecordsBefore(std::min(run->end, stable)) - log.RecordsBefore(std::max(run->first, offset));
  }
  return visible;
}

LogIsolation LogIsolation::WithoutOpen() const {
  LogIsolation without = *this;
  while (!without.open_.empty()) without.Abort(without.open_.front().producer);
  return without;
}

void LogIsolation::DropBefore(int64_t start) {
  const auto gone =
      std::partition_point(aborted_.begin(), aborted_.end(), [start](const Run& r) { return r.end <= start; });
  aborted_.erase(aborted_.begin(), gone);
}

}  // namespace millrace::bus
