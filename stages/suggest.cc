#include "stages/suggest.h"

#include <algorithm>

namespace millrace::stages {
namespace {

constexpr size_t kNameBytesMax = 200;  // longer ones are no typing mistakes, and the table is quadratic
constexpr size_t kListedMax = 12;

// Optimal string alignment distance.
size_t Edits(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Nearest(std::string_view name, const std::vector<std::string>& known) {
  std::string best;
  if (name.size() > kNameBytesMax) return best;
  size_t best_edits = std::max<size_t>(1, std::min<size_t>(3, name.size() / 3)) + 1;
  for (const std::string& candidate : known) {
    if (candidate.size() > kNameBytesMax) continue;
    const size_t edits = Edits(name, candidate);
    if (edits < best_edits) {
      best_edits = edits;
      best = candidate;
    }
  }
  return best;
}

std::string Suggest(std::string_view name, const std::vector<std::string>& known) {
  if (known.empty()) return "there are none";
  if (std::string nearest = Nearest(name, known); !nearest.empty()) return "did you mean \"" + nearest + "\"?";
  std::string list = "known: ";
  for (size_t i = 0; i < known.size() && i < kListedMax; ++i) {
    list += (i == 0 ? "" : ", ") + known[i];
  }
  if (known.size() > kListedMax) list += ", … (" + std::to_string(known.size()) + " in all)";
  return list;
}

}  // namespace millrace::stages
