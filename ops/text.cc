#include "ops/text.h"

#include <algorithm>
#include <cstdio>

namespace millrace::ops {
namespace {

bool IsTail(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string WithCommas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string ForPeople(int64_t nanoseconds) {
  const double ns = static_cast<double>(nanoseconds);
  char text[64];
  if (nanoseconds < 1000) {
    std::snprintf(text, sizeof(text), "%d ns", static_cast<int>(nanoseconds));
  } else if (nanoseconds < 1'000'000) {
    std::snprintf(text, sizeof(text), "%.0f µs", ns / 1e3);
  } else if (nanoseconds < 1'000'000'000) {
    std::snprintf(text, sizeof(text), nanoseconds < 10'000'000 ? "%.1f ms" : "%.0f ms", ns / 1e6);
  } else {
    std::snprintf(text, sizeof(text), "%.1f s", ns / 1e9);
  }
  return text;
}

size_t Columns(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !IsTail(c); }));
}

std::string Shortened(const std::string& text, size_t columns) {
  std::string out;
  size_t used = 0;
  const bool cut = Columns(text) > columns;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsTail(text[i]) && ++used > (cut ? columns - 1 : columns)) break;
    out += static_cast<unsigned char>(text[i]) < 0x20 || text[i] == 0x7f ? ' ' : text[i];
  }
  return cut ? out + "…" : out;
}

std::string Table(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& left, size_t indent) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Columns(row[i]), ' ');
      const bool to_left = std::find(left.begin(), left.end(), i) != left.end();
      line += (i == 0 ? "" : "  ") + (to_left ? row[i] + padding : padding + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace millrace::ops
