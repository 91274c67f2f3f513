// What the feeder itself costs: records from memory, confirmed at once by a driver that does nothing. One record is one
// item.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "stages/feeder.h"

namespace millrace::stages {
namespace {

class MemorySource final : public Source {
 public:
  explicit MemorySource(uint64_t count) : count_(count), body_(400, 'x') {}
  absl::Status Seek(std::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<bool> Read(size_t records_max, SourceSink& sink) override {
    for (size_t i = 0; i < records_max && next_ < count_; ++i, ++next_) {
      const std::string text = "memory:record:" + std::to_string(next_);
      sink.Add({.id = text, .key = text, .body = body_, .type = "test.raw", .position = text});
    }
    return next_ < count_;
  }

 private:
  const uint64_t count_;
  const std::string body_;
  uint64_t next_ = 0;
};

class AtOnce final : public bus::ProducerDriver {
 public:
  size_t Publish(std::span<const bus::Outgoing> messages, uint64_t first_token) override {
    if (count_ == 0) first_ = first_token;
    count_ += static_cast<uint32_t>(messages.size());
    return messages.size();
  }
  void Poll(bus::ProducerHandler& handler) override {
    if (count_ == 0) return;
    const bus::Confirm confirm{.first = first_, .count = count_, .status = absl::OkStatus()};
    count_ = 0;
    handler.OnConfirmed(confirm);
  }
  MonotonicTime NextTimer() const override { return MonotonicTime::Infinite(); }
  absl::Status Close(bus::ProducerHandler& handler, MonotonicTime) override {
    Poll(handler);
    return absl::OkStatus();
  }

 private:
  uint64_t first_ = 0;
  uint32_t count_ = 0;
};

class StillClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {1}; }
  WallTime Wall() const override { return {1}; }
};

void BM_Feeder(benchmark::State& state) {
  const bool gapless = state.range(0) == 1;
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "feeder_benchmark";
  constexpr uint64_t kRecords = 200'000;
  const StillClock clock;
  for (auto _ : state) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    auto journal = Journal::Open(folder / "journal");
    MemorySource source(kRecords);
    Feeder feeder({.source = "/b/feed", .partitions = 8, .gapless_publish = gapless}, &source,
                  std::make_unique<AtOnce>(), journal->get(), folder / "checkpoint", &clock);
    if (!feeder.Start(Feeder::From::kBeginning).ok()) state.SkipWithError("start");
    while (!feeder.Finished()) feeder.Pump(clock.Now());
    if (!feeder.Close(clock.Now()).ok()) state.SkipWithError("close");
  }
  std::filesystem::remove_all(folder);
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRecords));
}
BENCHMARK(BM_Feeder)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace::stages
