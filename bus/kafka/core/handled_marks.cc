#include "bus/kafka/core/handled_marks.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "bus/digest.h"

namespace millrace::bus {
namespace {

template <typename Number>
bool Take(std::string_view& line, int base, Number& out) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return error == std::errc() && end == word.data() + word.size() && !word.empty();
}

}  // namespace

uint64_t DigestOfRecord(const Message& message) {
  // Absent and empty differ, and lengths keep one part from flowing into the next.
  const auto part = [](std::optional<std::string_view> bytes, uint64_t seed) {
    return bytes.has_value() ? Digest64(*bytes, seed + bytes->size()) : seed + 1;
  };
  return part(message.body, part(message.headers.block(), part(message.key, 0)));
}

void AppendMark(const HandledMark& mark, std::string* body) {
  char hex[16];
  WriteHex(mark.digest, hex);
  body->append(std::to_string(mark.partition)).append(" ").append(std::to_string(mark.offset)).append(" ");
  body->append(hex, sizeof(hex)).append("\n");
}

void HandledMarks::AddAll(std::string_view body) {
  while (!body.empty()) {
    std::string_view line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(line.size() + 1, body.size()));
    HandledMark mark;
    if (Take(line, 10, mark.partition) && Take(line, 10, mark.offset) && Take(line, 16, mark.digest) && line.empty())
      Add(mark);
  }
}

bool HandledMarks::Has(const HandledMark& mark) const {
  const auto at = marks_.find({mark.partition, mark.offset});
  return at != marks_.end() && at->second == mark.digest;
}

}  // namespace millrace::bus
