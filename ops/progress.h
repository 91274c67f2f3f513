// Tells how far a run is: a bar that is redrawn on a terminal, a line every few seconds in a log.
//
// Threading: one thread. Ownership: the stream outlives it.
#ifndef MILLRACE_OPS_PROGRESS_H_
#define MILLRACE_OPS_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "bus/clock.h"

namespace millrace::ops {

struct ProgressState {
  std::optional<double> read;  // 0 … 1: how much of the sources is read
  uint64_t accepted = 0;       // by this run
  uint64_t on_bus = 0;
  uint64_t dead = 0;
  std::string note;  // "stopping", …
};

class Progress {
 public:
  // `terminal`: the stream is one. `now`: when the run began.
  Progress(std::ostream& out, bool terminal, MonotonicTime now)
      : out_(out), terminal_(terminal), start_(now), last_(now) {}

  // Whether it is time to Show again.
  bool Due(MonotonicTime now) const { return now - last_ >= (terminal_ ? kRedraw : kLine); }
  void Show(MonotonicTime now, const ProgressState& state);
  // The same for any work: how much of it is done, 0 … 1, and in words.
  void Draw(MonotonicTime now, std::optional<double> part, const std::string& text);
  // A line by itself, above the bar.
  void Say(const std::string& line);
  // Takes the bar away.
  void Clear();

 private:
  void Put(const std::string& line);

  static constexpr Duration kRedraw = std::chrono::milliseconds(200);
  static constexpr Duration kLine = std::chrono::seconds(5);

  std::ostream& out_;
  const bool terminal_;
  const MonotonicTime start_;
  MonotonicTime last_;
  uint64_t last_accepted_ = 0;
  bool drawn_ = false;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_PROGRESS_H_
