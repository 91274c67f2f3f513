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

bool ReadCountAt(std::string_view& text, uint32_t* count, uint64_t* at) {
  return ReadNumber(text, count) && Skip(text, "@") && ReadNumber(text, at);
}

}  // namespace

std::string PartitionNote::Write() const {
  std::string text = "mr1";
  if (starts > 0) text += " starts=" + std::to_string(starts) + "@" + std::to_string(starts_at);
  if (running > 0) text += " running=" + std::to_string(running) + "@" + std::to_string(running_at);
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
    } else if (Skip(text, " parked=")) {
      do {
        uint64_t key = 0;
        if (!ReadNumber(text, &key, 16)) return {};
        note.parked.push_back(key);
      } while (Skip(text, ","));
    } else if (Skip(text, " done=")) {
      do {
        Range range;
        if (!ReadNumber(text, &range.first) || !Skip(text, "-") || !ReadNumber(text, &range.last)) return {};
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
