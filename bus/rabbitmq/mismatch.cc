#include "bus/rabbitmq/mismatch.h"

#include <algorithm>

namespace millrace::bus {
namespace {

// Between the first `begin` and the next `end`; empty where they are not there.
std::string_view Between(std::string_view text, std::string_view begin, std::string_view end) {
  const size_t from = text.find(begin);
  if (from == std::string_view::npos) return {};
  text.remove_prefix(from + begin.size());
  const size_t to = end.empty() ? text.size() : text.find(end);
  return to == std::string_view::npos ? std::string_view() : text.substr(0, to);
}

// "the value 'true' of type 'bool'" and "'classic'" without what is around the value.
std::string Value(std::string_view text) {
  if (const std::string_view quoted = Between(text, "'", "'"); !quoted.empty()) return std::string(quoted);
  return std::string(text);
}

}  // namespace

TopologyItem::Field ParseMismatch(std::string_view text) {
  const std::string_view name = Between(text, "inequivalent arg '", "'");
  const std::string_view received = Between(text, "received ", " but current is ");
  const std::string_view current = Between(text, " but current is ", "");
  if (name.empty() || received.empty() || current.empty())
    return {"declaration", std::string(text), "as the pipeline says"};
  return {std::string(name), Value(current), Value(received)};
}

}  // namespace millrace::bus
