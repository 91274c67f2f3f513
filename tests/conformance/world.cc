#include "tests/conformance/world.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::conformance {

using bus::Settlement;

bus::Message Owned::View() const {
  bus::Message message;
  if (key) message.key = *key;
  if (body) message.body = *body;
  message.headers = bus::Headers(headers);
  message.timestamp_ms = timestamp_ms;
  return message;
}

// ---------------------------------------------------------------- Member

Member::Member(std::string instance, const bus::Capabilities& capabilities, Signal& signal)
    : waker(signal), instance_(std::move(instance)), settlement_(capabilities.settlement) {}

void Member::OnAssigned(std::span<const bus::Assignment> assignments) {
  if (witness != nullptr) witness->OnAssigned(assignments);
  for (const bus::Assignment& a : assignments) {
    assigned.push_back(a);
    progress_[a.holding.epoch][a.holding.partition] = {.open = {}, .next = a.start, .delivered_end = a.start};
  }
}

void Member::OnRevoking(std::span<const Holding> holdings, MonotonicTime deadline) {
  if (witness != nullptr) witness->OnRevoking(holdings, deadline);
  for (const Holding& holding : holdings) {
    revoked.push_back({holding, deadline});
    if (!release_at_once) continue;
    MR_CHECK(consumer->Release(holding).ok());
  }
}

void Member::OnLost(std::span<const Holding> holdings) {
  if (witness != nullptr) witness->OnLost(holdings);
  lost.insert(lost.end(), holdings.begin(), holdings.end());
}

void Member::OnDelivered(const bus::DeliveryBatch& batch) {
  if (witness != nullptr) witness->OnDelivered(batch);
  largest_batch = std::max(largest_batch, batch.deliveries.size());
  Progress& progress = progress_[batch.holding.epoch][batch.holding.partition];
  for (const bus::Delivery& delivery : batch.deliveries) {
    got.push_back({batch.holding, delivery, batch.segment});
    progress.open[delivery.sequence] = false;
    progress.delivered_end = delivery.sequence + 1;
  }
  if (!finish_at_once) return;
  for (size_t i = got.size() - batch.deliveries.size(); i < got.size(); ++i) MR_CHECK(Finish(got[i]).ok());
}

void Member::OnNoted(Holding holding, const absl::Status& status) {
  if (witness != nullptr) witness->OnNoted(holding, status);
  noted.push_back({holding, status});
}

void Member::OnTrouble(const absl::Status& status) {
  if (witness != nullptr) witness->OnTrouble(status);
  troubles.push_back(status);
}

absl::Status Member::Finish(const Got& message) {
  Progress& progress = progress_[message.holding.epoch][message.holding.partition];
  const uint64_t sequence = message.delivery.sequence;
  if (settlement_ == Settlement::kIndividual) {
    const bus::SettleRange range{sequence, sequence};
    absl::Status status = consumer->Settle({.holding = message.holding, .ranges = {&range, 1}, .note = {}});
    if (status.ok()) progress.open.erase(sequence);
    return status;
  }
  if (!consumer->Holds(message.holding)) {
    // The front says what becomes of it.
    const bus::SettleRange range{sequence, sequence};
    return consumer->Settle({.holding = message.holding, .ranges = {&range, 1}, .next = sequence + 1, .note = {}});
  }
  auto at = progress.open.find(sequence);
  MR_CHECK(at != progress.open.end()) << "finished twice";
  at->second = true;
  if (at != progress.open.begin()) return absl::OkStatus();
  bus::SettleRange range{sequence, sequence};
  auto end = progress.open.begin();
  for (; end != progress.open.end() && end->second; ++end) range.last = end->first;
  const uint64_t next = end == progress.open.end() ? progress.delivered_end : end->first;
  absl::Status status = consumer->Settle({.holding = message.holding, .ranges = {&range, 1}, .next = next, .note = {}});
  if (!status.ok()) return status;
  progress.open.erase(progress.open.begin(), end);
  progress.next = next;
  return absl::OkStatus();
}

absl::Status Member::FinishAll() {
  for (const Got& message : got) {
    if (!CanFinish(message)) continue;
    if (absl::Status status = Finish(message); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool Member::CanFinish(const Got& message) const {
  if (!alive() || !consumer->Holds(message.holding)) return false;
  const Progress& progress = ProgressOf(message);
  auto at = progress.open.find(message.delivery.sequence);
  return at != progress.open.end() && !at->second;
}

bool Member::Settled(const Got& message) const {
  return ProgressOf(message).open.count(message.delivery.sequence) == 0;
}

const Member::Progress& Member::ProgressOf(const Got& message) const {
  return progress_.at(message.holding.epoch).at(message.holding.partition);
}

struct bus::Settle Member::Whole(Holding holding, const std::string& note) {
  const Progress& progress = progress_[holding.epoch][holding.partition];
  return {.holding = holding, .ranges = {}, .next = progress.delivered_end, .has_note = !note.empty(), .note = note};
}

absl::StatusOr<bus::TransactionOffsets> Member::Prepare(Holding holding, const std::string& note) {
  const struct bus::Settle settle = Whole(holding, note);
  return consumer->Prepare({&settle, 1});
}

void Member::Committed(Holding holding, const std::string& note) {
  struct bus::Settle settle = Whole(holding, note);
  settle.committed = true;
  MR_CHECK(consumer->Settle(settle).ok());
}

absl::Status Member::Note(Holding holding, const std::string& note) {
  const uint64_t next = progress_[holding.epoch][holding.partition].next;
  return consumer->Settle({.holding = holding, .ranges = {}, .next = next, .has_note = true, .note = note});
}

void Member::ReleaseRevoked() {
  for (const Revocation& revocation : revoked) {
    if (!consumer->Holds(revocation.holding)) continue;
    MR_CHECK(consumer->Release(revocation.holding).ok());
  }
}

Holding Member::HoldingOf(Partition partition) const {
  if (!alive()) return {partition, 0};
  for (const Holding& holding : consumer->holdings()) {
    if (holding.partition == partition) return holding;
  }
  return {partition, 0};
}

const bus::Assignment& Member::AssignmentOf(Holding holding) const {
  auto at = std::find_if(assigned.begin(), assigned.end(), [&](const auto& a) { return a.holding == holding; });
  MR_CHECK(at != assigned.end()) << "that holding was never assigned";
  return *at;
}

std::vector<std::string> Member::Texts() const {
  std::vector<std::string> texts;
  for (const Got& message : got) texts.push_back(message.text());
  return texts;
}

size_t Member::CountOf(Partition partition) const {
  return static_cast<size_t>(
      std::count_if(got.begin(), got.end(), [&](const Got& g) { return g.holding.partition == partition; }));
}

// ---------------------------------------------------------------- Feeder

void Feeder::Send(int32_t topic, int32_t partition, Owned message) {
  Sent& added = sent.emplace_back();
  added.message = std::move(message);
  added.outgoing = {topic, partition, added.message.View()};
}

void Feeder::SendText(int32_t topic, int32_t partition, const std::string& text) {
  Send(topic, partition, {.key = std::nullopt, .body = text, .headers = {}});
}

void Feeder::SendSeries(int32_t topic, int32_t partition, const std::string& prefix, int count) {
  for (int i = 0; i < count; ++i) SendText(topic, partition, prefix + std::to_string(i));
}

void Feeder::Offer() {
  std::vector<bus::Outgoing> some;
  while (!blocked_ && taken < sent.size()) {
    some.clear();
    for (size_t i = taken; i < sent.size() && some.size() < batch; ++i) some.push_back(sent[i].outgoing);
    const bus::Producer::Taken result = producer->Publish(some);
    MR_CHECK(result.first == taken + 1) << "tokens count what was taken";
    taken += result.count;
    blocked_ = result.count < some.size();
  }
}

void Feeder::OnConfirmed(const bus::Confirm& confirm) {
  for (uint64_t token = confirm.first; token < confirm.first + confirm.count; ++token) {
    Sent& message = sent.at(token - 1);
    MR_CHECK(!message.answer.has_value()) << "answered twice";
    message.answer = confirm.status;
    ++answered;
  }
}

void Feeder::OnWritable() {
  ++writable_calls;
  blocked_ = false;
}

size_t Feeder::CountOf(absl::StatusCode code) const {
  return static_cast<size_t>(
      std::count_if(sent.begin(), sent.end(), [&](const Sent& s) { return s.answer && s.answer->code() == code; }));
}

// ---------------------------------------------------------------- World

World::World(std::unique_ptr<Harness> harness) : harness_(std::move(harness)) {}

World::~World() {
  // Segments that tests keep may outlive everything; consumers and producers may not outlive the bus.
  for (auto& member : members_) member->consumer.reset();
  for (auto& feeder : feeders_) feeder->producer.reset();
}

absl::Status World::Apply(bus::TopicSpec spec) {
  spec.name = harness_->Name(spec.name);
  for (std::string& group : spec.groups) group = harness_->Name(group);
  return bus().Apply({.topics = {spec}});
}

absl::Status World::Apply(const std::string& topic, int32_t partitions, const std::vector<std::string>& groups) {
  return Apply({.name = topic, .partitions = partitions, .groups = groups});
}

bus::ConsumerOptions World::Options(const std::string& group, const std::vector<std::string>& topics) {
  bus::ConsumerOptions options;
  options.group = harness_->Name(group);
  for (const std::string& topic : topics) options.topics.push_back(harness_->Name(topic));
  options.instance = group + "-" + std::to_string(joined_++);
  options.session_timeout = timing().session_timeout;
  options.heartbeat_interval = timing().heartbeat_interval;
  options.revoke_timeout = timing().revoke_timeout;
  return options;
}

Member& World::Join(const std::string& group, const std::vector<std::string>& topics) {
  return Join(Options(group, topics));
}

Member& World::Join(const bus::ConsumerOptions& options) {
  auto member = std::make_unique<Member>(options.instance, capabilities(), signal_);
  auto driver = bus().OpenConsumer(options, member->waker);
  MR_CHECK(driver.ok()) << driver.status().ToString();
  member->consumer = std::make_unique<bus::Consumer>(*std::move(driver), capabilities());
  members_.push_back(std::move(member));
  return *members_.back();
}

bus::TransactionOptions World::Transaction(const std::string& id, const std::vector<std::string>& inputs) {
  bus::TransactionOptions options{.id = harness_->Name(id), .inputs = {}};
  for (const std::string& topic : inputs) options.inputs.push_back(harness_->Name(topic));
  return options;
}

Feeder& World::OpenFeeder(const std::vector<std::string>& topics, const bus::TransactionOptions& transaction) {
  auto feeder = std::make_unique<Feeder>(signal_);
  bus::ProducerOptions options;
  options.name = "feeder";
  options.transaction = transaction;
  for (const std::string& topic : topics) options.topics.push_back(harness_->Name(topic));
  auto driver = bus().OpenProducer(options, feeder->waker);
  MR_CHECK(driver.ok()) << driver.status().ToString();
  feeder->producer = std::make_unique<bus::Producer>(*std::move(driver));
  feeders_.push_back(std::move(feeder));
  return *feeders_.back();
}

void World::Kill(Member& member) { harness_->Kill(std::move(member.consumer)); }
void World::Kill(Feeder& feeder) { harness_->Kill(std::move(feeder.producer)); }

absl::Status World::Close(Member& member) { return member.consumer->Close(DeadlineIn(timing().limit)); }
absl::Status World::Close(Feeder& feeder) { return feeder.producer->Close(feeder, DeadlineIn(timing().limit)); }

void World::Pump() {
  const MonotonicTime now = Now();
  for (size_t i = 0; i < feeders_.size(); ++i) {
    Feeder& feeder = *feeders_[i];
    if (feeder.producer == nullptr || feeder.producer->closed()) continue;
    feeder.Offer();
    if (feeder.waker.Take() || feeder.producer->NextTimer() <= now) feeder.producer->Poll(feeder);
    feeder.Offer();
  }
  for (size_t i = 0; i < members_.size(); ++i) {
    Member& member = *members_[i];
    if (!member.alive() || member.frozen) continue;
    if (member.waker.Take() || member.consumer->NextTimer() <= now) member.consumer->Poll(member);
  }
}

MonotonicTime World::NextTimer() const {
  MonotonicTime next = MonotonicTime::Infinite();
  for (const auto& feeder : feeders_) {
    if (feeder->producer != nullptr) next = std::min(next, feeder->producer->NextTimer());
  }
  for (const auto& member : members_) {
    if (member->alive() && !member->frozen) next = std::min(next, member->consumer->NextTimer());
  }
  return next;
}

bool World::RunUntil(const std::function<bool()>& done) { return RunUntil(done, timing().limit); }

bool World::RunUntil(const std::function<bool()>& done, Duration limit) {
  const MonotonicTime end = Now() + limit;
  for (int idle = 0;; ++idle) {
    if (done()) return true;
    const MonotonicTime before = Now();
    if (before >= end) return false;
    Pump();
    if (done()) return true;
    bool woken = false;
    for (auto& feeder : feeders_)
      woken = woken || (feeder->producer != nullptr && !feeder->producer->closed() && feeder->waker.woken());
    for (auto& member : members_) woken = woken || (member->alive() && !member->frozen && member->waker.woken());
    if (!woken) harness_->WaitUntil(std::min(std::max(NextTimer(), before + Duration(1000)), end), signal_);
    // Time that stands still while everyone is woken again and again is a livelock in a driver.
    if (Now() != before) idle = 0;
    MR_CHECK(idle < 100'000) << "livelock: polling goes on and time does not. " << Awake();
  }
}

std::string World::Awake() const {
  std::string text = "Awake are:";
  const MonotonicTime now = harness_->Now();
  for (size_t i = 0; i < feeders_.size(); ++i) {
    const Feeder& feeder = *feeders_[i];
    if (feeder.producer == nullptr || (!feeder.waker.woken() && feeder.producer->NextTimer() > now)) continue;
    text += " producer " + std::to_string(i) + (feeder.waker.woken() ? " (woken)" : " (due)");
  }
  for (const auto& member : members_) {
    if (!member->alive() || (!member->waker.woken() && member->consumer->NextTimer() > now)) continue;
    text += " " + member->instance() + (member->waker.woken() ? " (woken)" : " (due)");
  }
  return text;
}

void World::RunFor(Duration time) {
  RunUntil([] { return false; }, time);
}

std::vector<bus::PartitionLag> World::Lags(const std::string& group, const std::string& topic) {
  auto lag = bus().Lag(harness_->Name(group), harness_->Name(topic));
  // While a partition is handed over a broker may not be able to tell.
  for (const MonotonicTime end = Now() + timing().limit; absl::IsUnavailable(lag.status()) && Now() < end;) {
    RunFor(timing().limit / 200);
    lag = bus().Lag(harness_->Name(group), harness_->Name(topic));
  }
  MR_CHECK(lag.ok()) << lag.status().ToString();
  return *lag;
}

int64_t World::Lag(const std::string& group, const std::string& topic) {
  int64_t sum = 0;
  for (const bus::PartitionLag& partition : Lags(group, topic)) sum += partition.lag;
  return sum;
}

int64_t World::OffsetsBehind(const std::string& group, const std::string& topic) {
  int64_t sum = 0;
  for (const bus::PartitionLag& partition : Lags(group, topic)) sum += partition.end - partition.settled;
  return sum;
}

}  // namespace millrace::conformance
