// `mem:` as its users open it.
#ifndef MILLRACE_TESTS_CONFORMANCE_MEMORY_HARNESS_H_
#define MILLRACE_TESTS_CONFORMANCE_MEMORY_HARNESS_H_

#include <memory>
#include <string>

#include "bus/memory/memory_bus.h"
#include "tests/conformance/hand_clock.h"
#include "tests/conformance/harness.h"

namespace millrace::conformance {

class MemoryHarness final : public Harness {
 public:
  enum class Kind { kLog, kLogStrict, kQueue };
  explicit MemoryHarness(Kind kind);

  bus::Bus& bus() override { return *bus_; }
  std::string Name(const std::string& name) override { return name; }
  const Timing& timing() const override { return timing_; }
  bool Has(Ability ability) const override;
  MonotonicTime Now() override { return clock_.Now(); }
  void WaitUntil(MonotonicTime until, Signal& signal) override;
  void Destroy(const std::string& topic, int32_t partition) override;

 private:
  const Kind kind_;
  const Timing timing_;
  HandClock clock_;
  std::unique_ptr<bus::MemoryBus> bus_;
};

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_MEMORY_HARNESS_H_
