#include "stages/partition_note.h"

#include <algorithm>
#include <charconv>

#include "bus/digest.h"

namespace millrace::stages {
namespace {

template <class N>
bool ReadNumber(std::string_view& text, N* value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool Skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool ReadRange(std::string_view& text, PartitionNote::Range* range) {
  return ReadNumber(text, &range->first) && Skip(text, "-") && ReadNumber(text, &range->last);
}

bool ReadCountAt(std::string_view& text, uint32_t* count, uint64_t* at) {
  return ReadNumber(text, count) && Skip(text, "@") && ReadNumber(text, at);
}

}  // namespace

void PartitionNote::AddHung(uint64_t sequence) {
  for (Hung& one : hung) {
    if (one.at == sequence) {
      ++one.times;
      return;
    }
  }
  if (hung.size() < kHungMax) return hung.push_back({.times = 1, .at = sequence});
  // The earliest is never left out, so that the partition gets on.
  const auto last =
      std::max_element(hung.begin(), hung.end(), [](const Hung& a, const Hung& b) { return a.at < b.at; });
  if (sequence < last->at) *last = {.times = 1, .at = sequence};
}

uint32_t PartitionNote::HungTimes(uint64_t sequence) const {
  for (const Hung& one : hung) {
    if (one.at == sequence) return one.times;
  }
  return 0;
}

void PartitionNote::AddAlone(uint64_t sequence) {
  if (!alone.has_value()) alone = {.first = sequence, .last = sequence};
  alone->first = std::min(alone->first, sequence);
  alone->last = std::max(alone->last, sequence);
}

void PartitionNote::Forget(uint64_t next) {
  std::erase_if(done, [next](const Range& range) { return range.last < next; });
  std::erase_if(hung, [next](const Hung& one) { return one.at < next; });
  if (alone.has_value() && alone->last < next) alone.reset();
  if (suspects <= next) suspects = 0;
}

std::string PartitionNote::Write() const {
  std::string text = "mr1";
  if (starts > 0) text += " starts=" + std::to_string(starts) + "@" + std::to_string(starts_at);
  if (running > 0) text += " running=" + std::to_string(running) + "@" + std::to_string(running_at);
  if (suspects > 0) text += " suspects=" + std::to_string(suspects);
  for (size_t i = 0; i < hung.size(); ++i)
    text += (i == 0 ? " hung=" : ",") + std::to_string(hung[i].times) + "@" + std::to_string(hung[i].at);
  if (alone.has_value()) text += " alone=" + std::to_string(alone->first) + "-" + std::to_string(alone->last);
  for (size_t i = 0; i < parked.size(); ++i) {
    char hex[16];
    bus::WriteHex(parked[i], hex);
    text += i == 0 ? " parked=" : ",";
    text.append(hex, sizeof(hex));
  }
  for (size_t i = 0; i < done.size(); ++i) {
    const std::string range =
        (i == 0 ? " done=" : ",") + std::to_string(done[i].first) + "-" + std::to_string(done[i].last);
    if (text.size() + range.size() > kBytesMax) break;
    text += range;
  }
  return text;
}

PartitionNote PartitionNote::Read(std::string_view text) {
  PartitionNote note;
  if (!Skip(text, "mr1")) return {};
  while (!text.empty()) {
    if (Skip(text, " starts=")) {
      if (!ReadCountAt(text, &note.starts, &note.starts_at)) return {};
    } else if (Skip(text, " running=")) {
      if (!ReadCountAt(text, &note.running, &note.running_at)) return {};
    } else if (Skip(text, " suspects=")) {
      if (!ReadNumber(text, &note.suspects)) return {};
    } else if (Skip(text, " hung=")) {
      do {
        Hung one;
        if (!ReadCountAt(text, &one.times, &one.at)) return {};
        note.hung.push_back(one);
      } while (Skip(text, ","));
    } else if (Skip(text, " alone=")) {
      Range range;
      if (!ReadRange(text, &range)) return {};
      note.alone = range;
    } else if (Skip(text, " parked=")) {
      do {
        uint64_t key = 0;
        if (!ReadNumber(text, &key, 16)) return {};
        note.parked.push_back(key);
      } while (Skip(text, ","));
    } else if (Skip(text, " done=")) {
      do {
        Range range;
        if (!ReadRange(text, &range)) return {};
        note.done.push_back(range);
      } while (Skip(text, ","));
    } else {
      return {};
    }
  }
  std::sort(note.parked.begin(), note.parked.end());
  return note;
}

}  // namespace millrace::stages
