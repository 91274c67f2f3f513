#include "sim/guard/difference.h"

#include <algorithm>

namespace millrace::sim {
namespace {

constexpr size_t kShownBytes = 48;  // of a value, around the difference

// The bytes around `at`, with what is no printable ASCII as \xHH.
std::string Shown(std::string_view bytes, size_t at) {
  const size_t from = at > kShownBytes / 2 ? at - kShownBytes / 2 : 0;
  std::string text = from > 0 ? "…" : "";
  for (char c : bytes.substr(std::min(from, bytes.size()), kShownBytes)) {
    if (c >= ' ' && c <= '~') {
      text.push_back(c);
      continue;
    }
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
  }
  if (from + kShownBytes < bytes.size()) text.append("…");
  return "\"" + text + "\" (" + std::to_string(bytes.size()) + " bytes)";
}

}  // namespace

std::array<Part, 8> PartsOf(const stages::Emission& emission) {
  return {{{"the destination", emission.to},
           {"the name", emission.name},
           {"the key", emission.key},
           {"the type", emission.type},
           {"the content type", emission.content_type},
           {"the subject", emission.subject},
           {"the headers", emission.headers.block()},
           {"the body", emission.body}}};
}

std::string NameOfPart(std::string_view part, size_t output, std::string_view to) {
  return std::string(part) + " of output " + std::to_string(output) + (to.empty() ? "" : " to " + std::string(to));
}

std::optional<Difference> Differ(std::string what, std::optional<std::string_view> first,
                                 std::optional<std::string_view> second) {
  if (first == second) return std::nullopt;
  size_t at = 0;
  if (first.has_value() && second.has_value()) {
    const size_t common = std::min(first->size(), second->size());
    while (at < common && (*first)[at] == (*second)[at]) ++at;
  }
  return Difference{.what = std::move(what),
                    .first = first.has_value() ? Shown(*first, at) : "none",
                    .second = second.has_value() ? Shown(*second, at) : "none",
                    .name = {}};
}

std::optional<Difference> FirstDifference(const stages::Outputs& first, const stages::Outputs& second) {
  for (size_t i = 0; i < std::min(first.emitted(), second.emitted()); ++i) {
    const stages::Emission a = first.Emitted(i), b = second.Emitted(i);
    const std::array<Part, 8> parts = PartsOf(a), others = PartsOf(b);
    for (size_t part = 0; part < parts.size(); ++part) {
      if (parts[part].second == others[part].second) continue;
      auto found = Differ(NameOfPart(parts[part].first, i, a.to), parts[part].second, others[part].second);
      found->name = a.name;
      return found;
    }
  }
  if (first.emitted() != second.emitted()) {
    return Difference{.what = "the number of outputs",
                      .first = std::to_string(first.emitted()),
                      .second = std::to_string(second.emitted()),
                      .name = {}};
  }
  return Differ("the reason for emitting nothing", first.drop_reason(), second.drop_reason());
}

}  // namespace millrace::sim
