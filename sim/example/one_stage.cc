#include "sim/example/one_stage.h"

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace millrace::sim {
namespace {

class Relay final : public stages::Stage {
 public:
  explicit Relay(std::string append) : append_(std::move(append)) {}
  absl::Status Process(stages::Context&, const bus::Message& message, stages::Outputs& outputs) override {
    body_.assign(message.body.value_or(""));
    body_ += append_;
    return outputs.Emit({.body = body_});
  }

 private:
  const std::string append_;
  std::string body_;
};

class Jobs final : public stages::Source {
 public:
  Jobs(int64_t count, int64_t keys) : count_(count), keys_(keys) {}
  absl::Status Seek(std::string_view position) override {
    next_ = 0;
    for (char digit : position) next_ = next_ * 10 + (digit - '0');
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Read(size_t records_max, stages::SourceSink& sink) override {
    for (size_t i = 0; i < records_max && next_ < count_; ++i) {
      const std::string id = "job-" + std::to_string(next_);
      const std::string key = "key-" + std::to_string(next_ % keys_);
      const std::string body = "job number " + std::to_string(next_);
      ++next_;
      sink.Add({.id = id, .key = key, .body = body, .type = "example.job", .position = std::to_string(next_)});
    }
    return next_ < count_;
  }

 private:
  const int64_t count_;
  const int64_t keys_;
  int64_t next_ = 0;
};

}  // namespace

absl::Status RegisterOneStage(stages::Registry& registry) {
  absl::Status added = registry.AddStage(
      {.kind = "relay",
       .summary = "passes the body on",
       .options = {{.key = "append", .summary = "text behind the body"}},
       .make = [](const stages::StageConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Stage>> {
         return std::make_unique<Relay>(config.options.Get("append"));
       }});
  if (!added.ok()) return added;
  return registry.AddSource(
      {.kind = "jobs",
       .summary = "numbered jobs",
       .options = {{.key = "count", .summary = "of jobs (200)"}, {.key = "keys", .summary = "that they share (20)"}},
       .make = [](const stages::SourceConfig& config) -> absl::StatusOr<std::unique_ptr<stages::Source>> {
         const absl::StatusOr<int64_t> count = config.options.GetInt("count", 200, 1, 100'000'000);
         if (!count.ok()) return count.status();
         const absl::StatusOr<int64_t> keys = config.options.GetInt("keys", 20, 1, 100'000'000);
         if (!keys.ok()) return keys.status();
         return std::make_unique<Jobs>(*count, *keys);
       }});
}

}  // namespace millrace::sim
