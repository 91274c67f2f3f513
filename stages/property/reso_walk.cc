#include "stages/property/reso_walk.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace millrace::property {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The digits at the front of `text`, without leading zeros; `text` moves behind them.
std::string_view TakeDigits(std::string_view* text) {
  size_t end = 0;
  while (end < text->size() && IsDigit((*text)[end])) ++end;
  std::string_view digits = text->substr(0, end);
  text->remove_prefix(end);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

}  // namespace

bool NaturalLess(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (IsDigit(a.front()) && IsDigit(b.front())) {
      const std::string_view da = TakeDigits(&a), db = TakeDigits(&b);
      if (da.size() != db.size()) return da.size() < db.size();
      if (da != db) return da < db;
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;  // "01" and "1"
}

ResoWalk::ResoWalk(std::vector<std::string> names) : names_(std::move(names)) {
  std::sort(names_.begin(), names_.end(), NaturalLess);
  Restart();
}

void ResoWalk::Restart() {
  visited_.assign(names_.size(), false);
  first_unvisited_ = 0;
  ordinal_ = 0;
  current_ = 0;
  if (!names_.empty()) visited_[0] = true;
}

std::optional<std::string_view> ResoWalk::page() const {
  if (current_ >= names_.size()) return std::nullopt;
  return names_[current_];
}

void ResoWalk::Visit(size_t index) {
  current_ = index;
  if (index < names_.size()) visited_[index] = true;
  ++ordinal_;
}

absl::Status ResoWalk::Advance(std::string_view link) {
  if (current_ >= names_.size()) return absl::OkStatus();
  if (link.substr(0, 2) == "./") link.remove_prefix(2);
  const bool file_name = !link.empty() && link.find_first_of("/?:#") == std::string_view::npos;
  if (file_name) {
    const auto found = std::lower_bound(names_.begin(), names_.end(), link, NaturalLess);
    if (found == names_.end() || *found != link) {
      return absl::NotFoundError(absl::StrCat("the page ", names_[current_], " says that ", std::string(link),
                                              " follows, and there is no such file beside it"));
    }
    const size_t index = static_cast<size_t>(found - names_.begin());
    if (!visited_[index]) {
      Visit(index);
      return absl::OkStatus();
    }
  }
  while (first_unvisited_ < names_.size() && visited_[first_unvisited_]) ++first_unvisited_;
  Visit(first_unvisited_);
  return absl::OkStatus();
}

}  // namespace millrace::property
