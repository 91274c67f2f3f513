// A world for tests of simulated ports: no time passes, calls fail as the test says, effects are kept.
//
//   FakePortWorld world;
//   world.unanswered = 1;                                  // the next call is carried out, and answered with an error
//   EXPECT_FALSE(port->Put("id", "key", "value").ok());
//   EXPECT_EQ(world.effects.size(), 1u);
//
// Threading: one thread.
#ifndef MILLRACE_STAGES_TESTING_FAKE_PORT_WORLD_H_
#define MILLRACE_STAGES_TESTING_FAKE_PORT_WORLD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "stages/port_world.h"

namespace millrace::stages {

class FakePortWorld final : public PortWorld {
 public:
  struct Seen {
    std::string id;
    uint64_t digest = 0;
    bool repeat = false;
    bool ends = false;
  };

  absl::Status Enter(std::string_view what) override {
    calls.emplace_back(what);
    if (const auto others = std::exchange(on_enter, nullptr)) others();
    if (outage) return absl::UnavailableError("an outage");
    if (dead) return absl::CancelledError("the process is dead");
    ++inside;
    return absl::OkStatus();
  }
  void Effect(const PortEffect& effect) override {
    if (inside == 0) ++stray_effects;
    effects.push_back({std::string(effect.id), effect.digest, effect.repeat, effect.ends});
  }
  absl::Status Leave() override {
    --inside;
    if (unanswered == 0) return absl::OkStatus();
    --unanswered;
    return absl::DeadlineExceededError("no answer");
  }

  bool outage = false;
  bool dead = false;
  uint32_t unanswered = 0;         // calls
  std::function<void()> on_enter;  // once: what others do while the next call waits
  std::vector<std::string> calls;
  std::vector<Seen> effects;
  int inside = 0;         // entered and not left
  int stray_effects = 0;  // outside any call
};

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_TESTING_FAKE_PORT_WORLD_H_
