// The stages of stages/property behind the guard, interposed: they are functions of their messages, and the guard finds
// nothing where nothing is.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/envelope.h"
#include "sim/guard/interpose.h"
#include "sim/guard/stage_guard.h"
#include "sim/guard/stage_marker.h"
#include "stages/port_world.h"
#include "stages/property/register.h"

namespace millrace::sim {
namespace {

class NoClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  WallTime Wall() const override { return {}; }
};

// Takes the marker off as the simulator's world does.
class PausingWorld final : public stages::PortWorld {
 public:
  absl::Status Enter(std::string_view) override {
    call_ = StageMarker::Pause();
    EXPECT_NE(call_, nullptr);
    return absl::OkStatus();
  }
  void Effect(const stages::PortEffect& effect) override {
    ++effects;
    call_->ports->effects.push_back({"store", std::string(effect.id), effect.digest, effect.repeat});
  }
  absl::Status Leave() override {
    StageMarker::Restore(call_);
    return absl::OkStatus();
  }
  int effects = 0;

 private:
  StageCall* call_ = nullptr;
};

// A message that owns its bytes.
struct Owned {
  std::optional<std::string> key, body;
  std::string headers;
  bus::Message View() const {
    bus::Message message{.key = std::nullopt, .body = std::nullopt, .headers = bus::Headers(headers)};
    if (key.has_value()) message.key = *key;
    if (body.has_value()) message.body = *body;
    return message;
  }
};

class RawRecords final : public stages::SourceSink {
 public:
  void Add(const stages::SourceRecord& record) override {
    Owned& owned = messages.emplace_back();
    if (record.key.has_value()) owned.key.emplace(*record.key);
    owned.body.emplace(record.body);
    bus::HeaderBuilder headers(&owned.headers);
    bus::WriteEnvelope({.specversion = "1.0",
                        .id = record.id,
                        .source = "/property/feed",
                        .type = record.type,
                        .content_type = record.content_type},
                       headers);
    owned.headers.append(record.headers.block());
  }
  std::vector<Owned> messages;
};

class PropertyStagesTest : public testing::Test {
 protected:
  PropertyStagesTest() : pool_(1 << 16), arena_(&pool_) {
    EXPECT_TRUE(property::RegisterPropertyStages(registry_).ok());
  }

  std::vector<Owned> Raw(const std::string& count) {
    stages::SourceConfig config{.name = "feed"};
    config.options.Add("generate", count);
    auto source = registry_.FindSource("property.feed")->make(config);
    EXPECT_TRUE(source.ok()) << source.status();
    RawRecords records;
    while ((*source)->Read(100, records).value()) {
    }
    return std::move(records.messages);
  }

  // One attempt of `stage` for each message; gives what it emits.
  std::vector<Owned> Through(std::string_view kind, const std::vector<Owned>& in) {
    const stages::StageKind& plain = *registry_.FindStage(kind);
    const stages::StageConfig config{.name = std::string(kind), .ports = &ports_};
    std::unique_ptr<stages::Stage> stage;
    std::unique_ptr<stages::BatchStage> batch_stage;
    const bool uses_ports = !plain.ports.empty();
    if (plain.make) stage = std::make_unique<GuardedStage>(config.name, plain.make(config).value(), uses_ports, guard_);
    if (plain.make_batch) {
      batch_stage =
          std::make_unique<GuardedBatchStage>(config.name, plain.make_batch(config).value(), uses_ports, guard_);
    }
    const stages::OutputSettings settings{.stage = std::string(kind),
                                          .source = "/property/" + std::string(kind),
                                          .outputs = {{.name = "out", .topic = 0, .partitions = 8}}};
    std::vector<Owned> all;
    for (const Owned& owned : in) {
      const bus::Message message = owned.View();
      const bus::Envelope envelope = bus::ReadEnvelope(message.headers);
      const stages::Context::Input input{.id = envelope.id,
                                         .root = envelope.root.empty() ? envelope.id : envelope.root};
      stages::Context context(input, clock_, random_, 1, nullptr);
      stages::Outputs outputs(settings, arena_);
      outputs.Begin(message, envelope, envelope.id);
      absl::Status status;
      if (stage != nullptr) {
        status = stage->Process(context, message, outputs);
      } else {
        stages::BatchItem item{context, message, outputs, absl::UnknownError("not set")};
        batch_stage->Process({&item, 1});
        status = item.status;
      }
      std::vector<stages::EncodedOutput> encoded;
      if (!status.ok() || !outputs.Finish(&encoded).ok()) {
        ++failed_;
        continue;
      }
      for (const stages::EncodedOutput& output : encoded) {
        Owned& out = all.emplace_back();
        if (output.message.key.has_value()) out.key.emplace(*output.message.key);
        if (output.message.body.has_value()) out.body.emplace(*output.message.body);
        out.headers = output.message.headers.block();
      }
    }
    return all;
  }

  stages::Registry registry_;
  stages::Ports ports_;
  StageFindings findings_;
  StageWatch watch_;
  std::set<std::string> compared_;
  GuardContext guard_{.sink = &findings_, .watch = &watch_, .ports_twice = true, .compared = &compared_};
  NoClock clock_;
  const Random random_{1};
  bus::SegmentPool pool_;
  stages::OutputArena arena_;
  int failed_ = 0;
};

TEST_F(PropertyStagesTest, AreFunctionsOfTheirMessages) {
  PausingWorld world;
  ASSERT_TRUE(ports_.Add("store", registry_.FindPort("sqlite")->make_simulated({.name = "store"}, &world).value()));
  const std::vector<Owned> raw = Raw("2000");
  EXPECT_GE(raw.size(), 2000u);
  const std::vector<Owned> addressed =
      Through("property.address", Through("property.validate", Through("property.parse", raw)));
  EXPECT_GT(addressed.size(), 1000u);
  EXPECT_GT(failed_, 0) << "broken records are compared as well";
  Through("property.store", addressed);
  EXPECT_EQ(static_cast<size_t>(world.effects), 2 * addressed.size());
  for (const StageFinding& finding : findings_.all()) ADD_FAILURE() << finding.text;
  EXPECT_TRUE(findings_.not_checkable().empty());
  EXPECT_TRUE(compared_.contains("property.store"));
}

}  // namespace
}  // namespace millrace::sim
