#include "stages/instance.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::stages {
namespace {

constexpr size_t kSegmentBytes = 64 << 10;

}  // namespace

// Turns what the drivers tell into steps. Actions are carried out after the Poll, never inside it.
class Instance::Handler : public bus::ConsumerHandler, public bus::ProducerHandler {
 public:
  explicit Handler(Instance* instance) : instance_(*instance) {}
  void OnAssigned(std::span<const bus::Assignment> assignments) override { instance_.Step(AssignedEvent{assignments}); }
  void OnRevoking(std::span<const bus::Holding> holdings, MonotonicTime deadline) override {
    instance_.Step(RevokingEvent{holdings, deadline});
  }
  void OnLost(std::span<const bus::Holding> holdings) override { instance_.Step(LostEvent{holdings}); }
  void OnDelivered(const bus::DeliveryBatch& batch) override { instance_.Step(DeliveredEvent{batch}); }
  void OnNoted(bus::Holding holding, const absl::Status& status) override {
    instance_.Step(NotedEvent{holding, status});
  }
  void OnTrouble(const absl::Status& status) override {
    if (instance_.config_.on_trouble != nullptr) instance_.config_.on_trouble(status);
  }
  void OnConfirmed(const bus::Confirm& confirm) override { instance_.Step(ConfirmedEvent{confirm}); }
  void OnWritable() override { instance_.writable_ = true; }
  void OnEnded(const absl::Status& status) override {
    const absl::Status refused = std::exchange(instance_.commit_refused_, absl::OkStatus());
    instance_.Step(TransactedEvent{refused.ok() ? status : refused});
  }

 private:
  Instance& instance_;
};

Instance::Instance(InstanceConfig config, bus::Bus* bus, const Clock* clock)
    : config_(std::move(config)), bus_(bus), clock_(clock), pool_(kSegmentBytes) {
  MR_CHECK(config_.spool != nullptr && config_.make_executor != nullptr) << "an instance needs a spool and an executor";
}

Instance::~Instance() = default;

absl::Status Instance::Run() {
  if (absl::Status status = Open(); !status.ok()) return status;
  while (!leaving_) {
    if (Turn()) continue;
    const MonotonicTime fresh = snapshot_stale_ ? snapshot_at_ + config_.snapshot_every : MonotonicTime::Infinite();
    if (clock_->Now() >= fresh) {
      UpdateSnapshot(clock_->Now(), /*flowing=*/false);
      continue;
    }
    mailbox_.Wait(std::min(fresh, NextTimer()), *clock_);
  }
  return Close();
}

MonotonicTime Instance::NextTimer() const { return std::min({timer_, consumer_->NextTimer(), producer_->NextTimer()}); }

absl::Status Instance::Open() {
  const bus::Capabilities& capabilities = bus_->capabilities();
  config_.worker.settlement = capabilities.settlement;
  config_.worker.notes = capabilities.notes;
  config_.worker.strict = config_.worker.strict || !capabilities.gapless_publish;
  if (config_.worker.exactly_once) {
    if (absl::Status status = OpenTransactions(capabilities); !status.ok()) return status;
  }
  auto producer = bus_->OpenProducer(config_.producer, mailbox_);
  if (!producer.ok()) return producer.status();
  producer_ = std::make_unique<bus::Producer>(*std::move(producer));
  worker_ = std::make_unique<Worker>(config_.worker, &pool_);
  auto executor = config_.make_executor(&mailbox_);
  if (!executor.ok()) return executor.status();
  executor_ = *std::move(executor);
  handler_ = std::make_unique<Handler>(this);
  auto consumer = bus_->OpenConsumer(config_.consumer, mailbox_);
  if (!consumer.ok()) return consumer.status();
  consumer_ = std::make_unique<bus::Consumer>(*std::move(consumer), capabilities);
  seat_ = (config_.gate != nullptr ? config_.gate : &own_gate_)
              ->Join(config_.gate_waker != nullptr ? config_.gate_waker : &mailbox_);
  return absl::OkStatus();
}

absl::Status Instance::OpenTransactions(const bus::Capabilities& capabilities) {
  if (!capabilities.transactions || !capabilities.notes || capabilities.settlement != bus::Settlement::kPrefix) {
    return absl::FailedPreconditionError("stage " + config_.worker.stage +
                                         " is to be exactly-once, which needs transactions, and " +
                                         capabilities.backend + " has none");
  }
  config_.consumer.transactional = true;
  bus::TransactionOptions& transaction = config_.producer.transaction;
  if (transaction.id.empty()) transaction.id = config_.consumer.group + "." + config_.consumer.instance;
  transaction.inputs = config_.consumer.topics;
  return absl::OkStatus();
}

bool Instance::Turn() {
  bool busy = false;
  const auto drain = mailbox_.Take(&reports_);
  // Taken behind the mailbox, so that no wake-up is lost, and before anything is stepped, so that the gate has heard all that
  // the worker has said.
  const auto gate = seat_->Take();
  // First of all: whoever is asked to stop starts nothing more, not even a trial that it is granted at this moment.
  if (drain) {
    drain_deadline_ = std::min(drain_deadline_, *drain);
    Step(DrainEvent{*drain});
  }
  if (gate) Step(*gate);
  for (const AttemptReport& report : reports_) Step(AttemptsEvent{report.group, report.from, report.to});
  for (size_t i = 0; i < spooled_.size(); ++i) Step(spooled_[i]);
  spooled_.clear();
  for (size_t i = 0; i < progress_.size(); ++i) Step(progress_[i]);
  progress_.clear();
  busy = !actions_.list.empty() || !reports_.empty();
  CarryOut();
  producer_->Poll(*handler_);
  busy |= !actions_.list.empty();
  CarryOut();
  if (writable_) OfferWaiting();
  consumer_->Poll(*handler_);
  busy |= !actions_.list.empty();
  CarryOut();
  const MonotonicTime now = clock_->Now();
  if (now >= timer_) {
    timer_ = MonotonicTime::Infinite();
    Step(TimerEvent{});
    CarryOut();
    busy = true;
  }
  if (busy && now - snapshot_at_ >= config_.snapshot_every) UpdateSnapshot(now, /*flowing=*/true);
  return busy;
}

bool Instance::AtRest() const {
  return !mailbox_.woken() && !seat_->changed() && actions_.list.empty() && spooled_.empty() && progress_.empty() &&
         (waiting_.empty() || !writable_) && clock_->Now() < timer_;
}

void Instance::Step(const Event& event) {
  snapshot_stale_ = true;
  const size_t first = actions_.list.size();
  const Instant now{clock_->Now(), clock_->Wall()};
  if (config_.tap != nullptr) config_.tap->BeforeStep(now, event);
  worker_->Step(now, event, &actions_);
  if (config_.tap != nullptr) config_.tap->OnStep(now, event, actions_, first);
}

void Instance::CarryOut() {
  if (actions_.list.empty()) return;
  // Nothing that is carried out steps the worker at once: reports and answers wait for the next turn.
  for (const Action& action : actions_.list) std::visit([this](const auto& a) { Do(a); }, action);
  actions_.Clear();
}

void Instance::Do(const DispatchAction& a) { executor_->Dispatch(a.group); }

void Instance::Do(const CancelAction& a) { a.group->results[a.item].cancelled.store(true, std::memory_order_relaxed); }

void Instance::Do(const ProgressAction& a) {
  progress_.push_back({.group = a.group->id, .running = executor_->Progress(*a.group)});
}

void Instance::Do(const PublishAction& a) {
  MR_CHECK(a.first_token == producer_->next_token() + waiting_.size()) << "tokens of worker and producer run apart";
  const std::span<const bus::Outgoing> messages = actions_.Outgoing(a);
  size_t taken = 0;
  if (writable_ && waiting_.empty()) {
    taken = producer_->Publish(messages).count;
    writable_ = taken == messages.size();
  }
  for (const bus::Outgoing& message : messages.subspan(taken)) waiting_.push(message);
}

void Instance::OfferWaiting() {
  std::vector<bus::Outgoing> batch;
  while (writable_ && !waiting_.empty()) {
    batch.clear();
    for (size_t i = 0; i < std::min<size_t>(waiting_.size(), 64); ++i) batch.push_back(waiting_[i]);
    const size_t taken = producer_->Publish(batch).count;
    for (size_t i = 0; i < taken; ++i) waiting_.pop();
    writable_ = taken == batch.size();
  }
}

void Instance::Do(const SettleAction& a) {
  // Aborted: the partition went away after the step that settled; its next owner will see the messages again.
  const absl::Status status = consumer_->Settle({.holding = a.holding,
                                                 .ranges = actions_.Ranges(a),
                                                 .next = a.next,
                                                 .has_note = a.has_note,
                                                 .note = actions_.Note(a),
                                                 .committed = a.committed});
  MR_CHECK(status.ok() || status.code() == absl::StatusCode::kAborted) << status.ToString();
}

void Instance::Do(const TransactAction& a) {
  MR_CHECK(waiting_.empty()) << "a transaction ends while some of it is still to be published";
  if (!a.commit) return producer_->Abort();
  std::vector<bus::Settle> settles;
  for (const SettleAction& settle : actions_.Settles(a)) {
    settles.push_back({.holding = settle.holding,
                       .ranges = std::span(actions_.ranges).subspan(settle.first_range, settle.range_count),
                       .next = settle.next,
                       .has_note = settle.has_note,
                       .note = actions_.Note(settle)});
  }
  // Aborted: a partition went away after the step that decided; nothing of the transaction may be seen.
  const absl::StatusOr<bus::TransactionOffsets> offsets = consumer_->Prepare(settles);
  if (offsets.ok()) return producer_->Commit(*offsets);
  MR_CHECK(offsets.status().code() == absl::StatusCode::kAborted) << offsets.status().ToString();
  commit_refused_ = offsets.status();
  producer_->Abort();
}

void Instance::Do(const FlowAction& a) { consumer_->Flow(a.holding, a.on).IgnoreError(); }

void Instance::Do(const ReleaseAction& a) { consumer_->Release(a.holding).IgnoreError(); }

void Instance::Do(const SpoolAction& a) { spooled_.push_back({a.spool, config_.spool->Keep(a.id, a.body)}); }

void Instance::Do(const SetTimerAction& a) { timer_ = a.at; }

void Instance::Do(const ReadyAction& a) {
  ready_ = a.ready;
  not_ready_reason_ = actions_.texts[a.reason];
  if (!ready_ && config_.on_not_ready != nullptr) config_.on_not_ready(not_ready_reason_);
}

void Instance::Do(const GateAction& a) { seat_->Do(a.wish, a.round); }

void Instance::Do(const LeaveAction&) {
  leaving_ = true;
  seat_->Leave();
}

absl::Status Instance::Close() {
  const absl::Status left = consumer_->Close(drain_deadline_);
  absl::Status attempts = executor_->Stop(drain_deadline_);
  const absl::Status published = producer_->Close(*handler_, drain_deadline_);
  UpdateSnapshot(clock_->Now(), /*flowing=*/false);
  attempts.Update(left);
  attempts.Update(published);
  return attempts;
}

void Instance::UpdateSnapshot(MonotonicTime now, bool flowing) {
  snapshot_stale_ = false;
  snapshot_at_ = now;
  const bool with_pending = pending_asked_.exchange(false, std::memory_order_relaxed) || !flowing;
  std::vector<std::string> pending;
  if (with_pending) pending = worker_->Pending();
  std::lock_guard<std::mutex> lock(snapshot_mutex_);
  snapshot_.stats = worker_->stats();
  snapshot_.idle = worker_->Idle() && waiting_.empty();
  snapshot_.ready = ready_;
  snapshot_.not_ready_reason = not_ready_reason_;
  if (with_pending) snapshot_.pending = std::move(pending);
}

InstanceSnapshot Instance::Snapshot() const {
  pending_asked_.store(true, std::memory_order_relaxed);
  std::lock_guard<std::mutex> lock(snapshot_mutex_);
  return snapshot_;
}

}  // namespace millrace::stages
