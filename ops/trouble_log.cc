#include "ops/trouble_log.h"

#include <algorithm>
#include <utility>

namespace millrace::ops {

void TroubleLog::Add(MonotonicTime now, std::string text) {
  const auto at = std::find_if(known_.begin(), known_.end(), [&](const Known& known) { return known.text == text; });
  const bool told = at != known_.end() && now - at->seen < kAway;
  if (at != known_.end()) known_.erase(at);
  if (known_.size() == kKnownMax) known_.erase(known_.begin());
  known_.push_back({text, now});
  // Where nobody takes them, the first of each stand for all.
  if (!told && fresh_.size() < kKnownMax && std::find(fresh_.begin(), fresh_.end(), text) == fresh_.end())
    fresh_.push_back(std::move(text));
}

std::vector<std::string> TroubleLog::Take() { return std::exchange(fresh_, {}); }

}  // namespace millrace::ops
