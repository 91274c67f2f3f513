#include <memory>
#include <string>

#include "stages/registry.h"
#include "stages/source.h"
#include "stages/stage.h"

namespace orders {
namespace {

using millrace::stages::Context;
using millrace::stages::Outputs;

// "order-0: 1 apple", "order-1: 2 pear", …
class Orders : public millrace::stages::Source {
 public:
  absl::Status Seek(std::string_view position) override {
    next_ = position.empty() ? 0 : std::stoi(std::string(position));
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Read(size_t records_max, millrace::stages::SourceSink& sink) override {
    for (size_t i = 0; i < records_max && next_ < 100; ++i) {
      const std::string id = "order-" + std::to_string(next_);
      const std::string customer = "customer-" + std::to_string(next_ % 7);
      const std::string body = id + ": " + std::to_string(next_ % 5 + 1) + (next_ % 2 == 0 ? " apple" : " pear");
      const std::string position = std::to_string(++next_);
      sink.Add({.id = id, .key = customer, .body = body, .position = position});
    }
    return next_ < 100;
  }

 private:
  int next_ = 0;
};

// Adds a line to each order. A stage is a function of its message.
class Price : public millrace::stages::Stage {
 public:
  absl::Status Process(Context&, const millrace::bus::Message& message, Outputs& outputs) override {
    const std::string order(message.body.value_or(""));
    const int cents = order.find("apple") != std::string::npos ? 40 : 55;
    const std::string priced = order + " at " + std::to_string(cents) + " cents";
    return outputs.Emit({.body = priced});
  }
};

}  // namespace

absl::Status RegisterStages(millrace::stages::Registry& registry) {
  absl::Status status = registry.AddSource({.kind = "orders", .summary = "a hundred orders", .make = [](const auto&) {
                                              return std::make_unique<Orders>();
                                            }});
  status.Update(registry.AddStage(
      {.kind = "price", .summary = "prices orders", .make = [](const auto&) { return std::make_unique<Price>(); }}));
  return status;
}

}  // namespace orders
