// Numbers, durations and tables for people.
#ifndef MILLRACE_OPS_TEXT_H_
#define MILLRACE_OPS_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::ops {

std::string WithCommas(uint64_t number);     // 58,233
std::string ForPeople(int64_t nanoseconds);  // "850 ns", "12 µs", "3.4 ms", "2.1 s"

// Columns as wide as their widest cell, two blanks between; the first column and those named in `left` to the left, the
// others to the right. One line a row, indented by `indent`.
std::string Table(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& left = {0},
                  size_t indent = 2);

// Columns that a terminal needs for UTF-8 text without combining or wide characters.
size_t Columns(const std::string& text);
// At most that many columns, with "…" at the end where something was cut; control characters as blanks.
std::string Shortened(const std::string& text, size_t columns);

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_TEXT_H_
