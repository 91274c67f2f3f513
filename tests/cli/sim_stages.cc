#include "tests/cli/sim_stages.h"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "sim/example/one_stage.h"
#include "tests/cli/rough_stages.h"

namespace millrace::demo {
namespace {

using Work = std::function<absl::Status(const bus::Message&, std::string* body)>;

class Worked final : public stages::Stage {
 public:
  explicit Worked(Work work) : work_(std::move(work)) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    body_.assign(message.body.value_or(""));
    if (absl::Status s = work_(message, &body_); !s.ok()) return s;
    return outputs.Emit({.body = body_});
  }

 private:
  const Work work_;
  std::string body_;
};

bool IsSeven(const bus::Message& message) { return message.body == "job number 7"; }

Work Moody() {
  return [calls = 0](const bus::Message&, std::string* body) mutable {
    *body += " " + std::to_string(++calls);
    return absl::OkStatus();
  };
}

Work Hidden() {
  static int objects = 0;
  return [number = ++objects](const bus::Message&, std::string* body) {
    *body += " of " + std::to_string(number);
    return absl::OkStatus();
  };
}

Work ReadsClock() {
  return [](const bus::Message&, std::string* body) {
    *body += std::chrono::system_clock::now().time_since_epoch().count() > 0 ? " now" : " then";
    return absl::OkStatus();
  };
}

Work Refuse(int every) {
  return [every](const bus::Message& message, std::string*) -> absl::Status {
    const std::string_view body = message.body.value_or("");
    if (every > 0 && (body.back() - '0') % every == 0) return absl::OkStatus();
    return absl::InvalidArgumentError("Number: not wanted here");
  };
}

Work Endless() {
  return [](const bus::Message& message, std::string*) {
    for (volatile bool on = IsSeven(message); on;) {
    }
    return absl::OkStatus();
  };
}

Work Abort() {
  return [](const bus::Message& message, std::string*) {
    if (IsSeven(message)) std::abort();
    return absl::OkStatus();
  };
}

}  // namespace

absl::Status RegisterSimStages(stages::Registry& registry) {
  absl::Status status = sim::RegisterOneStage(registry);
  const std::pair<const char*, Work (*)()> kinds[] = {{"moody", Moody},
                                                      {"hidden", Hidden},
                                                      {"clock", ReadsClock},
                                                      {"refuse", [] { return Refuse(0); }},
                                                      {"picky", [] { return Refuse(4); }},
                                                      {"endless", Endless},
                                                      {"abort", Abort}};
  for (const auto& [kind, make] : kinds) {
    status.Update(registry.AddStage({.kind = kind, .summary = "is not well", .make = [make = make](const auto&) {
                                       return std::make_unique<Worked>(make());
                                     }}));
  }
  status.Update(RegisterRoughStages(registry));
  return status;
}

}  // namespace millrace::demo
