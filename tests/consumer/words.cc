#include "words.h"

#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "bus/message.h"
#include "stages/source.h"
#include "stages/stage.h"

namespace words {
namespace {

using millrace::bus::Message;
using millrace::stages::Context;
using millrace::stages::Outputs;
using millrace::stages::Registry;
using millrace::stages::Source;
using millrace::stages::SourceConfig;
using millrace::stages::SourceSink;
using millrace::stages::Stage;
using millrace::stages::StageConfig;

// "word0", "word1", …; every hundredth is "0".
class Words : public Source {
 public:
  explicit Words(int64_t count) : count_(count) {}

  absl::Status Seek(std::string_view position) override {
    next_ = 0;
    const char* end = position.data() + position.size();
    if (position.empty() || std::from_chars(position.data(), end, next_).ptr == end) return absl::OkStatus();
    return absl::InvalidArgumentError("not a position in a list of words: " + std::string(position));
  }

  absl::StatusOr<bool> Read(size_t records_max, SourceSink& sink) override {
    for (size_t i = 0; i < records_max && next_ < count_; ++i) {
      const std::string id = std::to_string(next_);
      const std::string word = next_ % 100 == 99 ? "0" : "word" + id;
      const std::string position = std::to_string(++next_);
      sink.Add({.id = id, .key = word, .body = word, .type = "words.Word", .position = position});
    }
    return next_ < count_;
  }

 private:
  const int64_t count_;
  int64_t next_ = 0;
};

class Shout : public Stage {
 public:
  absl::Status Process(Context&, const Message& message, Outputs& outputs) override {
    std::string loud(message.body.value_or(""));
    bool letters = false;
    for (char& c : loud) {
      if (c < 'a' || c > 'z') continue;
      c = static_cast<char>(c - 'a' + 'A');
      letters = true;
    }
    if (!letters) return absl::InvalidArgumentError("no letters to shout in: " + loud);
    return outputs.Emit({.body = loud, .type = "words.Shout"});
  }
};

// Where a job ends: what it emits is nothing, so the worker writes its receipt.
class End : public Stage {
 public:
  absl::Status Process(Context&, const Message&, Outputs&) override { return absl::OkStatus(); }
};

absl::StatusOr<std::unique_ptr<Source>> MakeWords(const SourceConfig& config) {
  absl::StatusOr<int64_t> count = config.options.GetInt("count", 10, 0, 1'000'000);
  if (!count.ok()) return count.status();
  return std::make_unique<Words>(*count);
}

}  // namespace

absl::Status RegisterStages(Registry& registry) {
  absl::Status status = registry.AddSource({.kind = "words",
                                            .summary = "a list of words",
                                            .options = {{.key = "count", .summary = "how many; default 10"}},
                                            .make = MakeWords});
  if (!status.ok()) return status;
  status = registry.AddStage({.kind = "shout", .summary = "upper-cases the body", .make = [](const StageConfig&) {
                                return std::make_unique<Shout>();
                              }});
  if (!status.ok()) return status;
  return registry.AddStage(
      {.kind = "end", .summary = "ends each job", .make = [](const StageConfig&) { return std::make_unique<End>(); }});
}

}  // namespace words
