#include "stages/property/csv_scan.h"

#include <algorithm>
#include <cstring>

namespace millrace::property {
namespace {

constexpr size_t kNone = std::string_view::npos;

CsvScan RecordEndingAt(std::string_view bytes, size_t line_break, uint64_t lines) {
  const bool cr = line_break > 0 && bytes[line_break - 1] == '\r';
  return {
      .result = CsvScan::Result::kRecord, .size = line_break - (cr ? 1 : 0), .next = line_break + 1, .lines = lines};
}

// What the quotes say about the front of `bytes`.
struct Quotes {
  size_t line_break = kNone;  // the first one outside quotes
  uint64_t lines = 0;         // up to it
  bool open = false;          // a quote is open at the end of the bytes
  bool stray = false;         // one opens what is no field
};

Quotes FollowQuotes(std::string_view bytes) {
  Quotes found;
  bool field_start = true;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (c == '\n') {
      ++found.lines;
      found.line_break = at;
      return found;
    }
    if (c == '"' && field_start) {
      // To the closing quote; a doubled one stands for itself.
      const uint64_t lines_before = found.lines;
      while (true) {
        const size_t quote = bytes.find('"', at + 1);
        const size_t end = std::min(quote, bytes.size());
        found.lines += static_cast<uint64_t>(
            std::count(bytes.begin() + static_cast<ptrdiff_t>(at), bytes.begin() + static_cast<ptrdiff_t>(end), '\n'));
        if (found.lines >= kCsvLinesMax) {
          found.stray = true;
          return found;
        }
        if (quote == kNone) {
          found.open = true;
          return found;
        }
        at = quote;
        if (at + 1 >= bytes.size() || bytes[at + 1] != '"') break;
        ++at;
      }
      const char behind = at + 1 < bytes.size() ? bytes[at + 1] : ',';
      if (found.lines > lines_before && behind != ',' && behind != '\r' && behind != '\n') {
        found.stray = true;
        return found;
      }
      field_start = false;
      continue;
    }
    field_start = c == ',';
  }
  return found;
}

}  // namespace

CsvScan ScanCsvRecord(std::string_view bytes, bool at_end, size_t record_max) {
  const void* found = std::memchr(bytes.data(), '\n', bytes.size());
  const size_t first_break =
      found == nullptr ? kNone : static_cast<size_t>(static_cast<const char*>(found) - bytes.data());

  const bool plain = first_break != kNone && std::memchr(bytes.data(), '"', first_break) == nullptr;
  if (plain) return RecordEndingAt(bytes, first_break, 1);

  const Quotes quotes = FollowQuotes(bytes.substr(0, record_max));
  if (quotes.stray) return RecordEndingAt(bytes, first_break, 1);
  if (quotes.line_break != kNone) return RecordEndingAt(bytes, quotes.line_break, quotes.lines);

  const bool all_seen = bytes.size() <= record_max;
  if (all_seen && !at_end) return {};
  if (all_seen && !quotes.open)
    return {.result = CsvScan::Result::kRecord, .size = bytes.size(), .next = bytes.size(), .lines = quotes.lines};
  if (first_break != kNone) return RecordEndingAt(bytes, first_break, 1);
  if (at_end && all_seen)
    return {.result = CsvScan::Result::kRecord, .size = bytes.size(), .next = bytes.size(), .lines = 0};
  return {.result = CsvScan::Result::kLongLine};
}

}  // namespace millrace::property
