#include "sim/oracle_walk.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "bus/digest.h"
#include "bus/envelope.h"
#include "sim/broker_side.h"
#include "sim/feed_order.h"
#include "sim/guard/stage_marker.h"
#include "sim/message_content.h"
#include "stages/instance_setup.h"
#include "stages/partition_note.h"

namespace millrace::sim {
namespace {

// What a dead letter adds to its message, at most: its message is cut where there is no room for it.
constexpr size_t kDeadLetterRoom = 32 << 10;
// Whoever answers Unavailable more often than this waits for something that the oracle does not have.
constexpr uint32_t kOutagesMax = 1000;
constexpr int64_t kOutageNs = 1'000'000'000;

class NobodyListens final : public stages::AttemptReporter {
 public:
  void Report(stages::AttemptGroup*, uint32_t, uint32_t) override {}
};

}  // namespace

absl::Status NotForTheOracle(std::string why) { return absl::UnimplementedError(std::move(why)); }

// An outside system that works, and takes no time.
class OracleWalk::QuietPort final : public stages::PortWorld {
 public:
  // Counts calls in *calls. All outlive it; *stage is the one that runs.
  QuietPort(const Subject& subject, uint16_t port, const uint16_t* stage, uint64_t* calls)
      : subject_(subject), port_(port), running_(stage), calls_(calls) {}
  absl::Status Enter(std::string_view) override {
    // As in a run, where such a stage cannot stand still.
    if (!subject_.uses_ports(*running_, /*next_version=*/false)) return subject_.NotNamed(port_);
    ++*calls_;
    stage_ = StageMarker::Pause();
    return absl::OkStatus();
  }
  void Effect(const stages::PortEffect&) override {}
  absl::Status Leave() override {
    StageMarker::Restore(stage_);
    return absl::OkStatus();
  }

 private:
  const Subject& subject_;
  const uint16_t port_;
  const uint16_t* const running_;
  uint64_t* const calls_;
  StageCall* stage_ = nullptr;
};

OracleWalk::OracleWalk(const Subject& subject, const RunOptions& options, const Plan& plan, bus::SegmentPool* segments)
    : subject_(subject),
      options_(options),
      plan_(plan),
      capabilities_(CapabilitiesOf(plan.semantics)),
      segments_(segments),
      clock_(now_ns_, wall_offset_ns_),
      topics_(subject.topology().topics.size()) {
  for (size_t t = 0; t < topics_.size(); ++t)
    topics_[t].ends.resize(static_cast<size_t>(subject.topology().topics[t].partitions));
}

OracleWalk::~OracleWalk() = default;

absl::Status OracleWalk::OpenPorts() {
  for (uint16_t p = 0; p < subject_.topology().ports.size(); ++p) {
    port_worlds_.push_back(std::make_unique<QuietPort>(subject_, p, &running_, &port_calls_));
    absl::StatusOr<std::unique_ptr<stages::Port>> port = subject_.MakePort(p, port_worlds_.back().get());
    if (!port.ok()) return port.status();
    port_states_.push_back(dynamic_cast<stages::PortState*>(port->get()));
    ports_.Add(subject_.topology().ports[p], *std::move(port));
  }
  return absl::OkStatus();
}

absl::Status OracleWalk::HandOver(std::span<const uint32_t> left_out) {
  std::vector<const Job*> jobs = FeedOrder(plan_);
  std::erase_if(jobs, [&](const Job* job) { return std::binary_search(left_out.begin(), left_out.end(), job->id); });
  history_.jobs.reserve(jobs.size());
  for (const Job* job : jobs) {
    const Input& input = subject_.inputs()[job->input];
    const InputDigests& digests = subject_.digests(job->input);
    if (!digests.plain) return NotForTheOracle("a job descends from another, or is no job");
    history_.jobs.push_back({.id = job->id, .input = job->input, .message = kNoMessage, .name = input.id});
    bus::Message message = input.message();
    message.timestamp_ms = FeedTimestamp(job->at_ns);
    Topic& on = topics_[input.topic];
    if (Read(input.topic)) {
      PutDown(on, digests.partition, message, input.id, job->at_ns);
    } else {
      on.standing.push_back(
          {.key = message.key.value_or(input.id), .job = input.id, .id = digests.id, .digest = digests.content});
    }
  }
  return absl::OkStatus();
}

void OracleWalk::PutDown(Topic& on, int32_t partition, const bus::Message& message, std::string_view job,
                         int64_t at_ns) {
  on.lying.push_back({.message = message,
                      .partition = partition,
                      .sequence = on.ends[static_cast<size_t>(partition)]++,
                      .at_ns = at_ns,
                      .job = job});
}

// What is said of a message is that of its bytes, as in a run's own books (sim/recorder.cc).
Standing OracleWalk::StandingOf(const bus::Message& message, std::string_view job) {
  std::string_view id, type;
  for (const bus::Header header : message.headers) {
    if (!header.value.has_value()) continue;
    if (id.empty() && header.name == bus::kHeaderId) id = *header.value;
    if (type.empty() && header.name == bus::kHeaderType) type = *header.value;
    if (!id.empty() && !type.empty()) break;
  }
  return {.key = message.key.value_or(job), .job = job, .id = bus::DigestOf(id), .digest = ContentOf(type, message)};
}

absl::Status OracleWalk::MakeDesk(Desk& desk) const {
  const stages::StageSettings& settings = subject_.pipeline().stages[desk.stage];
  absl::StatusOr<stages::MadeStage> made = subject_.MakeStage(desk.stage, /*next_version=*/false, ports_, clock_);
  if (!made.ok()) return made.status();
  if (options_.wrap != nullptr) *made = options_.wrap(*std::move(made), desk.stage, /*next_version=*/false);
  const stages::StageKind& kind = subject_.kind(desk.stage, /*next_version=*/false);
  desk.runner =
      std::make_unique<stages::AttemptRunner>(stages::AttemptConfigOf(settings, kind, capabilities_.message_bytes_max),
                                              std::move(made->single), std::move(made->batch), segments_, &clock_);
  const size_t batch = kind.make_batch != nullptr ? static_cast<size_t>(settings.batch) : 1;
  desk.group.results = std::make_unique<stages::AttemptResult[]>(batch);
  desk.parked.resize(static_cast<size_t>(settings.input_partitions));
  return absl::OkStatus();
}

absl::Status OracleWalk::RunStage(uint16_t stage, bool behind) {
  now_ns_ = 0;
  running_ = stage;
  Desk desk;
  desk.stage = stage;
  desk.behind = behind;
  if (absl::Status s = MakeDesk(desk); !s.ok()) return s;
  const stages::StageSettings& settings = subject_.pipeline().stages[stage];
  const bool batches = subject_.kind(stage, /*next_version=*/false).make_batch != nullptr;
  const size_t most = batches ? static_cast<size_t>(settings.batch) : 1;
  const std::vector<Lying>& input = topics_[subject_.topology().stages[stage].input].lying;
  // Batches in the order of arrival, no key twice in one: so that each message is at its end before the next of its key
  // begins.
  absl::flat_hash_set<std::string_view> keys;
  for (size_t i = 0; i < input.size();) {
    keys.clear();
    for (; i < input.size() && desk.left.size() < most; ++i) {
      const Lying& next = input[i];
      if (Parked(desk, next)) {
        if (absl::Status s = Die(desk, next); !s.ok()) return s;
        continue;
      }
      if (most > 1 && next.message.key.has_value() && !keys.insert(*next.message.key).second) break;
      desk.left.emplace_back(&next, 1);
    }
    while (!desk.left.empty()) {
      if (absl::Status s = WorkOff(desk); !s.ok()) return s;
    }
  }
  return CheckTimeouts(desk);
}

// One group of attempts: what is to be tried again after it is what is left.
absl::Status OracleWalk::WorkOff(Desk& desk) {
  stages::AttemptGroup& group = desk.group;
  group.items.clear();
  desk.at_work.clear();
  for (const auto& [lying, attempt] : desk.left) {
    desk.at_work.push_back(lying);
    group.items.push_back({.delivery = {.sequence = lying->sequence,
                                        .offset = static_cast<int64_t>(lying->sequence),
                                        .redeliveries = 0,
                                        .message = lying->message},
                           .holding = {.partition = {0, lying->partition}, .epoch = 1},
                           .slot = 0,
                           .attempt = attempt,
                           .predecessor = -1,
                           .timed_out = false});
    now_ns_ = std::max(now_ns_, lying->at_ns);
  }
  desk.left.clear();
  attempts_ += group.items.size();
  if (attempts_ > plan_.limits.records) return NotForTheOracle("there are more attempts than the plan allows records");
  const uint64_t calls_before = port_calls_;
  NobodyListens nobody;
  desk.runner->Run(&group, &nobody);
  desk.port_calls_max = std::max(desk.port_calls_max, port_calls_ - calls_before);
  for (bus::SegmentRef& segment : group.output_segments) {
    if (kept_.empty() || !(kept_.back() == segment)) kept_.push_back(std::move(segment));
  }
  group.output_segments.clear();
  for (uint32_t item = 0; item < group.items.size(); ++item) {
    if (absl::Status s = Ended(desk, item, group.items[item].attempt); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// As Worker::FinishAttempt has it.
absl::Status OracleWalk::Ended(Desk& desk, uint32_t item, uint32_t attempt) {
  const Lying& lying = *desk.at_work[item];
  stages::AttemptResult& result = desk.group.results[item];
  const absl::Status status = std::exchange(result.status, absl::OkStatus());
  if (status.code() == absl::StatusCode::kUnavailable) {
    if (++desk.outages > kOutagesMax) return NotForTheOracle("a stage finds something unavailable for ever");
    now_ns_ += kOutageNs;
    desk.left.emplace_back(&lying, attempt);
    return absl::OkStatus();
  }
  desk.outages = 0;
  if (status.ok()) {
    for (const stages::EncodedOutput& output : result.outputs) {
      const uint16_t topic = subject_.ProducerTopic(desk.stage, output.topic);
      if (Read(topic)) {
        PutDown(topics_[topic], output.partition, output.message, lying.job, lying.at_ns);
      } else {
        std::vector<Standing>& standing = topics_[topic].standing;
        if (standing.empty()) standing.reserve(history_.jobs.size());
        standing.push_back(StandingOf(output.message, lying.job));
      }
    }
    return absl::OkStatus();
  }
  const auto attempts_max = static_cast<uint32_t>(subject_.pipeline().stages[desk.stage].retry.attempts_max);
  if (status.code() == absl::StatusCode::kInvalidArgument || attempt >= attempts_max) return Die(desk, lying);
  desk.left.emplace_back(&lying, attempt + 1);
  return absl::OkStatus();
}

// A dead letter is its message once more, as far as the final state goes: it has its id, key, type and body.
absl::Status OracleWalk::Die(Desk& desk, const Lying& lying) {
  const stages::StageSettings& settings = subject_.pipeline().stages[desk.stage];
  const StageInfo& info = subject_.topology().stages[desk.stage];
  if (Read(info.dead_letter)) return NotForTheOracle("a stage reads what another could not do");
  if (!lying.message.body.value_or("").empty() &&
      lying.message.Bytes() + settings.name.size() + kDeadLetterRoom > capabilities_.message_bytes_max) {
    return NotForTheOracle("a dead letter is cut to what the broker takes");
  }
  if (bus::ReadEnvelope(lying.message.headers).id.empty())
    return NotForTheOracle("a dead letter has no id but its place");
  const Standing standing = StandingOf(lying.message, lying.job);
  topics_[info.dead_letter].standing.push_back(standing);
  if (subject_.topology().topics[info.dead_letter].dead_letter) {
    const auto of = static_cast<uint32_t>(history_.messages.size());
    history_.messages.push_back({.topic = info.input, .digest = standing.digest, .id = standing.id});
    history_.messages.push_back({.role = MessageRole::kDeadLetter,
                                 .topic = info.dead_letter,
                                 .stage = desk.stage,
                                 .of = of,
                                 .digest = standing.digest,
                                 .id = standing.id});
  }
  if (!settings.park_key || !capabilities_.notes || !lying.message.key.has_value()) return absl::OkStatus();
  // Of what comes from other stages, which messages come behind a dead letter depends on who was quicker.
  if (desk.behind) return NotForTheOracle("a key is parked behind another stage");
  std::set<uint64_t>& parked = desk.parked[static_cast<size_t>(lying.partition)];
  parked.insert(bus::Digest64(*lying.message.key));
  if (parked.size() > stages::PartitionNote::kParkedMax)
    return NotForTheOracle("more keys are parked than a note holds");
  return absl::OkStatus();
}

// As Worker::MakeReady has it: what follows a dead letter of its key follows it, until one comes that was redriven.
bool OracleWalk::Parked(Desk& desk, const Lying& lying) const {
  std::set<uint64_t>& parked = desk.parked[static_cast<size_t>(lying.partition)];
  if (parked.empty() || !lying.message.key.has_value()) return false;
  const auto at = parked.find(bus::Digest64(*lying.message.key));
  if (at == parked.end()) return false;
  if (bus::ReadEnvelope(lying.message.headers).redriven.empty()) return true;
  parked.erase(at);
  return false;
}

// An attempt that runs out of time has failed, and nobody here knows the time: where it might, the oracle says nothing.
absl::Status OracleWalk::CheckTimeouts(const Desk& desk) const {
  const stages::StageSettings& settings = subject_.pipeline().stages[desk.stage];
  if (settings.attempt_timeout.count() <= 0) return absl::OkStatus();
  const Timing& timing = plan_.timing;
  const double item_ns = static_cast<double>(timing.service_max_ns) +
                         2.0 * static_cast<double>(timing.port_max_ns) * static_cast<double>(desk.port_calls_max);
  if (static_cast<double>(settings.batch) * item_ns < static_cast<double>(settings.attempt_timeout.count()))
    return absl::OkStatus();
  return NotForTheOracle("an attempt may run out of time");
}

History OracleWalk::Finish() {
  const Topology& topology = subject_.topology();
  for (uint16_t t = 0; t < topics_.size(); ++t) {
    if (!Read(t)) AddTopicState(topology.topics[t], &topics_[t].standing, &history_.final_state);
  }
  for (uint16_t p = 0; p < port_states_.size(); ++p) {
    if (port_states_[p] != nullptr) AddPortState(topology.ports[p], *port_states_[p], &history_.final_state);
  }
  std::sort(history_.final_state.begin(), history_.final_state.end());
  return std::move(history_);
}

}  // namespace millrace::sim
