#include "tests/example/versions.h"

#include <memory>
#include <string>
#include <string_view>

#include "sim/example/one_stage.h"
#include "stages/stage.h"

namespace millrace::example {
namespace {

constexpr std::string_view kFirst = "1|", kSecond = "2|";

class Pack final : public stages::Stage {
 public:
  explicit Pack(std::string_view format) : format_(format) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    const std::string packed = std::string(format_) + std::string(message.body.value_or(""));
    return outputs.Emit({.body = packed});
  }

 private:
  const std::string_view format_;
};

class Unpack final : public stages::Stage {
 public:
  explicit Unpack(bool reads_first) : reads_first_(reads_first) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    const std::string_view packed = message.body.value_or("");
    if (!packed.starts_with(kSecond) && !(reads_first_ && packed.starts_with(kFirst)))
      return absl::InvalidArgumentError("Format: none that is known");
    return outputs.Emit({.body = packed.substr(kFirst.size())});
  }

 private:
  const bool reads_first_;
};

absl::Status AddPack(stages::Registry& registry, std::string_view format) {
  return registry.AddStage({.kind = "pack",
                            .summary = "puts a format in front of the body",
                            .make = [format](const auto&) { return std::make_unique<Pack>(format); }});
}

absl::Status AddUnpack(stages::Registry& registry, bool reads_first) {
  return registry.AddStage({.kind = "unpack", .summary = "takes it away again", .make = [reads_first](const auto&) {
                              return std::make_unique<Unpack>(reads_first);
                            }});
}

}  // namespace

absl::Status RegisterStages(stages::Registry& registry) {
  absl::Status status = sim::RegisterOneStage(registry);
  status.Update(AddPack(registry, kFirst));
  status.Update(AddUnpack(registry, /*reads_first=*/true));
  return status;
}

absl::Status RegisterNextStages(stages::Registry& registry) { return AddPack(registry, kSecond); }

absl::Status RegisterHastyStages(stages::Registry& registry) {
  absl::Status status = AddPack(registry, kSecond);
  status.Update(AddUnpack(registry, /*reads_first=*/false));
  return status;
}

}  // namespace millrace::example
