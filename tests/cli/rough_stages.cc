#include "tests/cli/rough_stages.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "stages/port_world.h"

namespace millrace::demo {
namespace {

constexpr int kHalfAStack = 4 << 10;  // calls of Deep
constexpr int kTooDeep = 1 << 20;
constexpr int kManyObjects = 200;

class Bell final : public stages::Port {
 public:
  explicit Bell(stages::PortWorld* world) : world_(world) {}
  absl::Status Ring(std::string_view id) {
    if (absl::Status s = world_->Enter("ring"); !s.ok()) return s;
    world_->Effect({.id = id, .ends = false});
    return world_->Leave();
  }

 private:
  stages::PortWorld* const world_;
};

// Uses a kilobyte of stack for each call, which the next one writes to.
[[gnu::noinline]] int Deep(int calls, volatile char* caller) {
  volatile char frame[1000];
  frame[0] = static_cast<char>(calls);
  *caller = frame[0];
  return calls <= 0 ? 0 : Deep(calls - 1, frame) + frame[0];
}

int Deep(int calls) {
  volatile char frame = 0;
  return Deep(calls, &frame);
}

using Work = std::function<absl::Status(bool seven)>;

// Does its work, rings where it has a bell, and passes the body on. `unheard`: what it does where the bell does not ring.
class Rough final : public stages::Stage {
 public:
  Rough(Work work, Bell* bell, void (*unheard)()) : work_(std::move(work)), bell_(bell), unheard_(unheard) {}
  absl::Status Process(stages::Context& context, const bus::Message& message, stages::Outputs& outputs) override {
    const std::string body(message.body.value_or(""));
    if (absl::Status s = work_(body == "job number 7"); !s.ok()) return s;
    if (bell_ != nullptr) {
      const absl::Status rung = bell_->Ring(context.id());
      if (!rung.ok() && unheard_ != nullptr) unheard_();
      if (!rung.ok()) return rung;
    }
    return outputs.Emit({.body = body});
  }

 private:
  const Work work_;
  Bell* const bell_;
  void (*const unheard_)();
};

template <void (*act)()>
absl::Status At7(bool seven) {
  if (seven) act();
  return absl::OkStatus();
}

void Exit() { std::exit(0); }
void ExitAtOnce() { _exit(0); }
void QuickExit() { std::quick_exit(0); }
void ExitInThread() {
  std::thread([] { _exit(0); }).join();
}
void ExitUnseen() { syscall(SYS_exit_group, 0); }
void Segfault() {
  static int* volatile nowhere = nullptr;
  *nowhere = 7;
}
void Loop() {
  for (volatile bool on = true; on;) {
  }
}
void UseUpStack() {
  if (Deep(kTooDeep) == 1) std::abort();
}

absl::Status UseHalfOfStack(bool) {
  return Deep(kHalfAStack) == 1 ? absl::InternalError("cannot be") : absl::OkStatus();
}

// Passes on which object it is, and dies where that is no small number: a plan that is made smaller takes many.
class Numbered final : public stages::Stage {
 public:
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    if (number_ > kManyObjects) Segfault();
    return outputs.Emit({.body = std::string(message.body.value_or("")) + " of " + std::to_string(number_)});
  }

 private:
  static inline int objects_ = 0;
  const int number_ = ++objects_;
};

stages::StageKind KindOf(std::string name, Work work, std::vector<std::string> ports, bool rings,
                         void (*unheard)() = nullptr) {
  return {.kind = std::move(name),
          .summary = "is rough",
          .ports = std::move(ports),
          .make = [work = std::move(work), rings,
                   unheard](const stages::StageConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
            Bell* const bell = rings ? config.ports->Find<Bell>("bell") : nullptr;
            if (rings && bell == nullptr) return absl::InvalidArgumentError("there is no bell");
            return std::make_unique<Rough>(work, bell, unheard);
          }};
}

}  // namespace

absl::Status RegisterRoughStages(stages::Registry& registry) {
  absl::Status status = registry.AddPort(
      {.kind = "bell",
       .summary = "rings",
       .make = [](const stages::PortConfig&) -> absl::StatusOr<std::unique_ptr<stages::Port>> {
         return absl::UnimplementedError("there is none");
       },
       .make_simulated = [](const stages::PortConfig&, stages::PortWorld* world)
           -> absl::StatusOr<std::unique_ptr<stages::Port>> { return std::make_unique<Bell>(world); }});
  const std::pair<const char*, Work> kinds[] = {{"exit", At7<Exit>},
                                                {"exit-at-once", At7<ExitAtOnce>},
                                                {"quick-exit", At7<QuickExit>},
                                                {"exit-unseen", At7<ExitUnseen>},
                                                {"exit-in-thread", At7<ExitInThread>},
                                                {"segfault", At7<Segfault>},
                                                {"deep", At7<UseUpStack>}};
  for (const auto& [kind, work] : kinds) status.Update(registry.AddStage(KindOf(kind, work, {}, false)));
  const auto nothing = [](bool) { return absl::OkStatus(); };
  status.Update(registry.AddStage(KindOf("ringer", UseHalfOfStack, {"bell"}, true)));
  status.Update(registry.AddStage(KindOf("deep-ringer", At7<UseUpStack>, {"bell"}, true)));
  status.Update(registry.AddStage(KindOf("sly-ringer", nothing, {}, true)));
  status.Update(registry.AddStage(KindOf("other-ringer", nothing, {"gong"}, true)));
  const std::pair<const char*, void (*)()> unheard[] = {
      {"exit-unheard", Exit}, {"loop-unheard", Loop}, {"segfault-unheard", Segfault}};
  for (const auto& [kind, act] : unheard) status.Update(registry.AddStage(KindOf(kind, nothing, {"bell"}, true, act)));
  status.Update(registry.AddStage(
      {.kind = "numbered", .summary = "is rough", .make = [](const auto&) { return std::make_unique<Numbered>(); }}));
  return status;
}

}  // namespace millrace::demo
