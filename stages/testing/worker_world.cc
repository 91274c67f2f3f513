#include "stages/testing/worker_world.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::stages {
namespace {

constexpr size_t kPartitions = 4;

std::string Describe(const Actions& actions, const Action& action) {
  struct Visitor {
    const Actions& actions;
    static std::string Number(const bus::Holding& h) { return std::to_string(h.partition.number); }
    std::string operator()(const DispatchAction& a) const {
      return "dispatch " + std::to_string(a.group->items.size());
    }
    std::string operator()(const CancelAction& a) const { return "cancel " + std::to_string(a.item); }
    std::string operator()(const ProgressAction&) const { return "ask what runs"; }
    std::string operator()(const PublishAction& a) const { return "publish " + std::to_string(a.count); }
    std::string operator()(const SettleAction& a) const {
      std::string text = "settle " + Number(a.holding);
      for (const bus::SettleRange& r : actions.Ranges(a))
        text += " " + std::to_string(r.first) + "-" + std::to_string(r.last);
      text += " next " + std::to_string(a.next);
      if (a.has_note) text += " note '" + std::string(actions.Note(a)) + "'";
      return text + (a.committed ? " (committed)" : "");
    }
    std::string operator()(const TransactAction& a) const {
      if (!a.commit) return "abort";
      std::string text = "commit";
      for (const SettleAction& settle : actions.Settles(a)) text += ", " + (*this)(settle);
      return text;
    }
    std::string operator()(const FlowAction& a) const {
      return std::string("flow ") + (a.on ? "on " : "off ") + Number(a.holding);
    }
    std::string operator()(const ReleaseAction& a) const { return "release " + Number(a.holding); }
    std::string operator()(const SpoolAction& a) const { return "spool " + std::string(a.id); }
    std::string operator()(const SetTimerAction&) const { return "timer"; }
    std::string operator()(const ReadyAction& a) const { return a.ready ? "ready" : "not ready"; }
    std::string operator()(const GateAction& a) const {
      static constexpr const char* kWishes[] = {"ask", "quiet", "insist", "end"};
      return std::string("gate ") + kWishes[static_cast<int>(a.wish)];
    }
    std::string operator()(const LeaveAction&) const { return "leave"; }
  };
  return std::visit(Visitor{actions}, action);
}

class FunctionStage : public Stage {
 public:
  FunctionStage(WorkerWorld::Process process, std::vector<std::string>* processed)
      : process_(std::move(process)), processed_(processed) {}
  absl::Status Process(Context& context, const bus::Message& message, Outputs& outputs) override {
    processed_->emplace_back(message.body.value_or("(null)"));
    return process_(context, message, outputs);
  }

 private:
  WorkerWorld::Process process_;
  std::vector<std::string>* processed_;
};

class NoReporter : public AttemptReporter {
 public:
  void Report(AttemptGroup*, uint32_t, uint32_t) override {}
};

}  // namespace

WorkerOptions WorkerWorld::DefaultOptions() {
  WorkerOptions options;
  options.stage = "test";
  options.inputs = {"in"};
  options.topic_partitions = {4, 1};
  options.dead_letter = {.name = "dead", .topic = 1, .partitions = 1};
  return options;
}

absl::Status WorkerWorld::PassThrough(Context&, const bus::Message& message, Outputs& outputs) {
  return outputs.Emit({.to = {}, .body = message.body});
}

WorkerWorld::WorkerWorld(WorkerOptions options, Process process, TrialGate* gate)
    : options_(std::move(options)),
      process_(std::move(process)),
      gate_(gate != nullptr ? gate : &own_gate_),
      pool_(16 << 10),
      partitions_(kPartitions) {
  worker_ = std::make_unique<Worker>(options_, &pool_);
  seat_ = gate_->Join(&nobody_);
  AttemptRunner::Config config{.outputs = {}, .inputs = options_.inputs, .salt = options_.salt};
  config.outputs.stage = options_.stage;
  config.outputs.source = "/world/" + options_.stage;
  config.outputs.outputs = {{.name = "out", .topic = 0, .partitions = 4}};
  runner_ = std::make_unique<AttemptRunner>(
      config,
      std::make_unique<FunctionStage>(
          [this](Context& c, const bus::Message& m, Outputs& o) { return process_(c, m, o); }, &processed),
      nullptr, &pool_, this);
}

WorkerWorld::~WorkerWorld() = default;

void WorkerWorld::Append(int32_t number, std::optional<std::string> key, std::string body, int64_t offset,
                         std::string headers) {
  WorldPartition& p = partition(number);
  if (offset < 0) offset = p.records.empty() ? 0 : p.records.back().offset + 1;
  p.records.push_back({.offset = offset,
                       .key = std::move(key),
                       .body = std::move(body),
                       .headers = std::move(headers),
                       .handed_out = 0});
}

void WorkerWorld::Step(const Event& event) {
  if (crashed_) return;
  const size_t first = actions_.list.size();
  const Instant now{Now(), Wall()};
  if (tap != nullptr) tap->BeforeStep(now, event);
  worker_->Step(now, event, &actions_);
  if (tap != nullptr) tap->OnStep(now, event, actions_, first);
  CarryOut();
  while (!spool_answers_.empty() && !crashed_) {
    const SpooledEvent answer = spool_answers_.front();
    spool_answers_.erase(spool_answers_.begin());
    Step(answer);
  }
  while (!progress_answers_.empty() && !crashed_) {
    const ProgressEvent answer = progress_answers_.front();
    progress_answers_.erase(progress_answers_.begin());
    Step(answer);
  }
  TakeGate();
}

bool WorkerWorld::TakeGate() {
  const auto gate = crashed_ ? std::nullopt : seat_->Take();
  if (gate) Step(*gate);
  return gate.has_value();
}

void WorkerWorld::CarryOut() {
  for (const Action& action : actions_.list) {
    ++actions_seen;
    if (before_action != nullptr && !before_action(action)) {
      crashed_ = true;
      break;
    }
    trace.push_back(Describe(actions_, action));
    Do(action);
  }
  actions_.Clear();
}

void WorkerWorld::Do(const Action& action) {
  if (const auto* a = std::get_if<DispatchAction>(&action)) {
    dispatched.push_back(a->group);
    running_since_[a->group] = now_;
  } else if (const auto* a = std::get_if<CancelAction>(&action)) {
    a->group->results[a->item].cancelled = true;
  } else if (const auto* a = std::get_if<ProgressAction>(&action)) {
    const auto count = static_cast<uint32_t>(a->group->items.size());
    AttemptProgress::Reading running{.from = a->group->reported,
                                     .to = options_.batch_stage ? count : a->group->reported + 1,
                                     .since = running_since_[a->group]};
    if (progress != nullptr) running = progress(*a->group);
    progress_answers_.push_back({a->group->id, running});
  } else if (const auto* a = std::get_if<PublishAction>(&action)) {
    MR_CHECK(!ending.has_value()) << "published while a transaction ends";
    uint64_t token = a->first_token;
    for (const bus::Outgoing& out : actions_.Outgoing(*a)) {
      WorldOutput output{.topic = out.topic,
                         .partition = out.partition,
                         .key = std::nullopt,
                         .body = std::string(out.message.body.value_or("(null)")),
                         .headers = {}};
      if (out.message.key.has_value()) output.key = std::string(*out.message.key);
      for (const bus::Header h : out.message.headers) output.headers.emplace(h.name, h.value.value_or("(null)"));
      in_flight.push_back({token++, std::move(output), false});
    }
  } else if (const auto* a = std::get_if<SettleAction>(&action)) {
    DoSettle(*a);
  } else if (const auto* a = std::get_if<FlowAction>(&action)) {
    if (partition(a->holding.partition.number).epoch == a->holding.epoch)
      partition(a->holding.partition.number).flowing = a->on;
  } else if (const auto* a = std::get_if<ReleaseAction>(&action)) {
    WorldPartition& p = partition(a->holding.partition.number);
    if (p.epoch == a->holding.epoch) {
      p.epoch = 0;
      released.push_back(a->holding.partition.number);
    }
  } else if (const auto* a = std::get_if<SpoolAction>(&action)) {
    spooled.emplace_back(std::string(a->body), true);
    spool_answers_.push_back({a->spool, absl::OkStatus()});
  } else if (const auto* a = std::get_if<SetTimerAction>(&action)) {
    timer_ = a->at;
  } else if (const auto* a = std::get_if<ReadyAction>(&action)) {
    ready = a->ready;
  } else if (const auto* a = std::get_if<GateAction>(&action)) {
    seat_->Do(a->wish, a->round);
  } else if (const auto* a = std::get_if<TransactAction>(&action)) {
    DoTransact(*a);
  } else {
    left = true;
  }
}

void WorkerWorld::DoTransact(const TransactAction& a) {
  MR_CHECK(!ending.has_value() && in_flight.empty()) << "a transaction ends too early";
  ending.emplace();
  ending->commit = a.commit;
  for (const SettleAction& s : actions_.Settles(a)) {
    const std::span<const bus::SettleRange> ranges = std::span(actions_.ranges).subspan(s.first_range, s.range_count);
    ending->shares.push_back({.holding = s.holding,
                              .next = s.next,
                              .has_note = s.has_note,
                              .note = std::string(actions_.Note(s)),
                              .ranges = {ranges.begin(), ranges.end()}});
    ending->refused = ending->refused || partition(s.holding.partition.number).epoch != s.holding.epoch;
  }
}

void WorkerWorld::CommitEnding() {
  ++commits;
  outputs.insert(outputs.end(), uncommitted.begin(), uncommitted.end());
  for (const WorldEnding::Share& share : ending->shares) {
    WorldPartition& p = partition(share.holding.partition.number);
    MR_CHECK(share.next >= p.committed) << "the committed offset went back";
    p.committed = share.next;
    if (share.has_note) p.note = share.note;
  }
}

void WorkerWorld::End(absl::Status status) {
  if (ending->refused) status = absl::AbortedError("settles what is not held");
  if (ending->commit && status.ok()) {
    CommitEnding();
  } else {
    ++aborts;
  }
  if (!ending->commit) status = absl::OkStatus();
  uncommitted.clear();
  ending.reset();
  Step(TransactedEvent{std::move(status)});
}

void WorkerWorld::DoSettle(const SettleAction& a) {
  WorldPartition& p = partition(a.holding.partition.number);
  if (options_.exactly_once) {
    MR_CHECK(a.committed && a.next == p.committed) << "settles what no transaction has";
    return;
  }
  if (a.has_note) notes.push_back({a.holding});
  if (p.epoch != a.holding.epoch) return;  // as bus::Consumer does
  if (options_.settlement == bus::Settlement::kPrefix) {
    MR_CHECK(a.next >= p.committed) << "the committed offset went back";
    p.committed = a.next;
  }
  for (const bus::SettleRange& range : actions_.Ranges(a)) {
    for (const WorldRecord& record : p.records) {
      const auto sequence = static_cast<uint64_t>(record.offset);
      if (sequence < range.first || sequence > range.last) continue;
      p.settled.insert(sequence);
    }
  }
  if (a.has_note) p.note = actions_.Note(a);
}

void WorkerWorld::Assign(int32_t number) {
  WorldPartition& p = partition(number);
  MR_CHECK(p.epoch == 0);
  if (ending.has_value()) {
    for (const WorldEnding::Share& share : ending->shares) {
      if (share.holding.partition.number == number) return;
    }
  }
  p.epoch = next_epoch_++;
  p.flowing = true;
  p.next = 0;
  const bool prefix = options_.settlement == bus::Settlement::kPrefix;
  while (prefix && p.next < p.records.size() && static_cast<uint64_t>(p.records[p.next].offset) < p.committed) ++p.next;
  const bus::Assignment assignment{
      .holding = {{0, number}, p.epoch}, .start = prefix ? p.committed : 0, .note = options_.notes ? p.note : ""};
  Step(AssignedEvent{std::span(&assignment, 1)});
}

void WorkerWorld::Revoke(int32_t number, Duration deadline) {
  const bus::Holding holding{{0, number}, partition(number).epoch};
  Step(RevokingEvent{std::span(&holding, 1), Now() + deadline});
}

void WorkerWorld::Lose(int32_t number) {
  const bus::Holding holding{{0, number}, std::exchange(partition(number).epoch, 0)};
  Step(LostEvent{std::span(&holding, 1)});
}

void WorkerWorld::Deliver(int32_t number, size_t most) {
  WorldPartition& p = partition(number);
  if (p.epoch == 0) return;
  std::vector<bus::Delivery> deliveries;
  const bus::SegmentRef segment = pool_.Take(1 << 20);
  for (; p.next < p.records.size() && deliveries.size() < most; ++p.next) {
    WorldRecord& record = p.records[p.next];
    const auto sequence = static_cast<uint64_t>(record.offset);
    if (options_.settlement == bus::Settlement::kIndividual && p.settled.contains(sequence)) continue;
    bus::Message message{
        .key = std::nullopt, .body = record.body, .headers = bus::Headers(record.headers), .timestamp_ms = 0};
    if (record.key) message.key = *record.key;
    deliveries.push_back({.sequence = sequence,
                          .offset = options_.settlement == bus::Settlement::kPrefix ? record.offset : -1,
                          .redeliveries = options_.settlement == bus::Settlement::kPrefix ? 0 : record.handed_out,
                          .message = *bus::CopyInto(*segment.get(), message)});
    ++record.handed_out;
  }
  if (deliveries.empty()) return;
  Step(DeliveredEvent{{.holding = {{0, number}, p.epoch}, .deliveries = deliveries, .segment = segment}});
}

void WorkerWorld::Drain(Duration deadline) { Step(DrainEvent{Now() + deadline}); }

void WorkerWorld::FireTimer() {
  MR_CHECK(timer_set());
  now_ = std::max(now_, std::exchange(timer_, MonotonicTime::Infinite()));
  Step(TimerEvent{});
}

void WorkerWorld::Crash(bool published_survive) {
  for (const InFlight& f : in_flight) {
    if (published_survive && !f.landed) Land(f.output);
  }
  // A commit on its way arrives, or not; what is left open is aborted by the heir.
  if (ending.has_value() && ending->commit && !ending->refused && published_survive) CommitEnding();
  ending.reset();
  uncommitted.clear();
  in_flight.clear();
  dispatched.clear();
  notes.clear();
  spool_answers_.clear();
  progress_answers_.clear();
  timer_ = MonotonicTime::Infinite();
  for (WorldPartition& p : partitions_) p.epoch = 0;
  dead_workers_.push_back(std::move(worker_));
  worker_ = std::make_unique<Worker>(options_, &pool_);
  seat_.reset();
  seat_ = gate_->Join(&nobody_);
  crashed_ = left = false;
  ready = true;
}

void WorkerWorld::Run(size_t index) { RunPart(index, static_cast<uint32_t>(dispatched[index]->items.size())); }

void WorkerWorld::RunPart(size_t index, uint32_t upto) {
  AttemptGroup* group = dispatched[index];
  if (group->reported == 0) {
    NoReporter nobody;
    runner_->Run(group, &nobody);
  }
  const uint32_t from = group->reported;
  running_since_[group] = now_;
  if (upto == group->items.size()) dispatched.erase(dispatched.begin() + static_cast<ptrdiff_t>(index));
  Step(AttemptsEvent{group, from, upto});
}

void WorkerWorld::Confirm(size_t index, absl::Status status) {
  const InFlight f = in_flight[index];
  in_flight.erase(in_flight.begin() + static_cast<ptrdiff_t>(index));
  // An unknown outcome has landed as far as anybody can tell; a refusal has not.
  if (!f.landed && (status.ok() || status.code() == absl::StatusCode::kDeadlineExceeded)) Land(f.output);
  Step(ConfirmedEvent{{.first = f.token, .count = 1, .status = std::move(status)}});
}

void WorkerWorld::ConfirmAll() {
  while (!in_flight.empty() && !crashed_) Confirm();
}

void WorkerWorld::AnswerNote(absl::Status status) {
  const OpenNote note = notes.front();
  notes.pop_front();
  Step(NotedEvent{note.holding, std::move(status)});
}

bool WorkerWorld::Settle(size_t steps) {
  for (size_t i = 0; i < steps; ++i) {
    if (crashed_) return false;
    if (TakeGate()) continue;
    if (!notes.empty()) {
      AnswerNote();
      continue;
    }
    bool delivered = false;
    for (int32_t n = 0; n < static_cast<int32_t>(kPartitions); ++n) {
      const WorldPartition& p = partition(n);
      if (p.epoch == 0 || !p.flowing || p.next >= p.records.size()) continue;
      Deliver(n);
      delivered = true;
    }
    if (delivered) continue;
    if (!dispatched.empty()) {
      Run();
    } else if (!in_flight.empty()) {
      Confirm();
    } else if (ending.has_value()) {
      End();
    } else if (timer_set() && !(AllSettled() && worker_->Idle())) {
      FireTimer();
    } else {
      return true;
    }
  }
  return false;
}

bool WorkerWorld::AllSettled() const {
  for (const WorldPartition& p : partitions_) {
    if (options_.settlement == bus::Settlement::kIndividual) {
      if (p.settled.size() < p.records.size()) return false;
    } else if (!p.records.empty() && p.committed <= static_cast<uint64_t>(p.records.back().offset)) {
      return false;
    }
  }
  return true;
}

std::vector<WorldOutput> WorkerWorld::OnTopic(int32_t topic) const {
  std::vector<WorldOutput> found;
  for (const WorldOutput& output : outputs) {
    if (output.topic == topic) found.push_back(output);
  }
  return found;
}

}  // namespace millrace::stages
