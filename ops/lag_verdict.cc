#include "ops/lag_verdict.h"

#include <algorithm>

namespace millrace::ops {
namespace {

// Whether f holds for any two samples that follow each other.
template <typename F>
bool AnyStep(std::span<const LagSample> samples, F f) {
  for (size_t i = 1; i < samples.size(); ++i) {
    if (f(samples[i - 1], samples[i])) return true;
  }
  return false;
}

}  // namespace

const char* NameOf(LagVerdict verdict) {
  switch (verdict) {
    case LagVerdict::kOk:
      return "OK";
    case LagVerdict::kWarn:
      return "WARN";
    case LagVerdict::kStall:
      return "STALL";
    case LagVerdict::kStop:
      return "STOP";
    case LagVerdict::kRewind:
      return "REWIND";
  }
  return "";
}

LagVerdict JudgeLag(std::span<const LagSample> samples, bool owned) {
  if (std::any_of(samples.begin(), samples.end(), [](const LagSample& s) { return s.lag <= 0; }))
    return LagVerdict::kOk;
  if (AnyStep(samples, [](const LagSample& a, const LagSample& b) { return b.committed < a.committed; }))
    return LagVerdict::kRewind;
  const bool moved =
      AnyStep(samples, [](const LagSample& a, const LagSample& b) { return b.committed != a.committed; });
  const bool shrunk = AnyStep(samples, [](const LagSample& a, const LagSample& b) { return b.lag < a.lag; });
  // What shrinks is being worked on, be its offset known or not.
  if (!moved && !shrunk) return owned ? LagVerdict::kStall : LagVerdict::kStop;
  return shrunk ? LagVerdict::kOk : LagVerdict::kWarn;
}

LagRates RatesOf(std::span<const LagSample> samples) {
  LagRates rates;
  const LagSample& first = samples.front();
  const LagSample& last = samples.back();
  const double seconds = static_cast<double>((last.at - first.at).count()) / 1e9;
  if (last.lag <= 0) rates.seconds_to_zero = 0;
  if (seconds <= 0) return rates;
  if (first.committed >= 0) rates.consumed = static_cast<double>(last.committed - first.committed) / seconds;
  if (first.end >= 0) rates.arriving = static_cast<double>(last.end - first.end) / seconds;
  const double shrinking = static_cast<double>(first.lag - last.lag) / seconds;
  if (last.lag > 0 && shrinking > 0) rates.seconds_to_zero = static_cast<double>(last.lag) / shrinking;
  return rates;
}

}  // namespace millrace::ops
