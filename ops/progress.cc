#include "ops/progress.h"

#include <algorithm>
#include <cmath>

#include "ops/text.h"

namespace millrace::ops {
namespace {

constexpr size_t kBarColumns = 24;

std::string Bar(double part) {
  const double clamped = std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0.0;
  const size_t full = static_cast<size_t>(clamped * kBarColumns);
  std::string bar = "[" + std::string(full, '#') + std::string(kBarColumns - full, '.') + "] ";
  return bar + std::to_string(static_cast<int>(clamped * 100)) + " %";
}

}  // namespace

void Progress::Show(MonotonicTime now, const ProgressState& state) {
  const Duration passed = now - last_;
  const uint64_t news = state.accepted - std::min(last_accepted_, state.accepted);
  const uint64_t rate =
      passed.count() > 0 ? static_cast<uint64_t>(static_cast<double>(news) * 1e9 / static_cast<double>(passed.count()))
                         : 0;
  std::string line =
      terminal_
          ? (state.read.has_value() ? Bar(*state.read) : std::string("[ reading, end unknown ]"))
          : ForPeople((now - start_).count()) +
                (state.read.has_value() ? ", " + std::to_string(static_cast<int>(*state.read * 100)) + " % read" : "");
  line += "  accepted " + WithCommas(state.accepted) + " (" + WithCommas(rate) + "/s)  on the bus " +
          WithCommas(state.on_bus) + "  dead " + WithCommas(state.dead);
  if (!state.note.empty()) line += "  " + state.note;
  Put(line);
  last_ = now;
  last_accepted_ = state.accepted;
}

void Progress::Draw(MonotonicTime now, std::optional<double> part, const std::string& text) {
  const std::string much = !part.has_value() ? ""
                           : terminal_       ? Bar(*part) + "  "
                                             : std::to_string(static_cast<int>(*part * 100)) + " %  ";
  Put((terminal_ ? "" : ForPeople((now - start_).count()) + "  ") + much + text);
  last_ = now;
}

void Progress::Put(const std::string& line) {
  if (terminal_) {
    out_ << "\r\x1b[K" << Shortened(line, 110);
    drawn_ = true;
  } else {
    out_ << line << "\n";
  }
  out_.flush();
}

void Progress::Say(const std::string& line) {
  Clear();
  out_ << line << "\n";
  out_.flush();
}

void Progress::Clear() {
  if (drawn_) out_ << "\r\x1b[K";
  out_.flush();
  drawn_ = false;
}

}  // namespace millrace::ops
