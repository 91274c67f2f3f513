// The log broker, at its end of the network.
#include "sim/log_side.h"

#include <algorithm>
#include <utility>

#include "bus/check.h"

namespace millrace::sim {
namespace {

using bus::LogEvent;
using bus::LogEventKind;
using bus::LogMethod;
using bus::LogRequest;
using bus::Outgoing;

constexpr size_t kSegmentBytes = 16 << 10;

}  // namespace

LogSide::LogSide(World& world)
    : world_(world),
      broker_({.segment_bytes = kSegmentBytes, .segments_kept = 8, .groups = {}}),
      capabilities_(LogCapabilities()),
      network_(world, *this) {
  const bus::Topology& topology = world.subject().bus_topology();
  for (size_t t = 0; t < topology.topics.size(); ++t) {
    bus::TopicSpec spec = topology.topics[t];
    spec.keep = true;  // the history refers to what was settled too
    const absl::StatusOr<int32_t> id = broker_.CreateTopic(spec);
    MR_CHECK(id.ok() && *id == static_cast<int32_t>(t)) << id.status().ToString();
    messages_.emplace_back(static_cast<size_t>(spec.partitions));
    refusals_.emplace_back();
  }
  const std::vector<StageInfo>& stages = world.subject().topology().stages;
  generations_.resize(stages.size());
  transactions_ = std::any_of(stages.begin(), stages.end(), [](const StageInfo& s) { return s.exactly_once; });
  if (transactions_) broker_.WatchTransactions([this](const bus::LogTransactionEnd& end) { OnTransactionEnd(end); });
}

bool LogSide::Read(Connection& connection, std::unique_ptr<Payload>& payload) {
  if (!payload->produce) {
    OnRequest(connection, payload->request.View());
    return true;
  }
  OnPublished(connection, *payload);
  connection.state.stalled = payload->done < payload->messages.size();
  return !connection.state.stalled;
}

void LogSide::OnRequest(Connection& connection, const LogRequest& request) {
  if (!coordinator_ && request.method != LogMethod::kMetadata && request.method != LogMethod::kFetch)
    world_.Strikes(coordinator_gone_by_);
  if (request.method != LogMethod::kCommit) {
    broker_.Receive(connection.id, request, world_.Now());
    if (request.method == LogMethod::kJoin || request.method == LogMethod::kSync || request.method == LogMethod::kLeave)
      NoteGenerations();
    if (request.method == LogMethod::kTransactOffset) InTransaction(connection);
    return;
  }
  const auto committed = [&] {
    const bus::LogGroup* group = broker_.Group(request.group);
    return group == nullptr ? int64_t{-1} : group->CommittedOf(request.partition).offset;
  };
  const int64_t before = committed();
  broker_.Receive(connection.id, request, world_.Now());
  const int64_t after = committed();
  if (after == before) return;
  struct Record record = world_.RecordOf(Kind::kCommitted);
  record.stage = connection.owner.stage;
  record.topic = static_cast<uint16_t>(request.partition.topic);
  record.partition = static_cast<uint16_t>(request.partition.number);
  record.sequence = static_cast<uint64_t>(after);
  record.value = static_cast<uint64_t>(std::max<int64_t>(before, 0));
  // Who has opened another connection had given this one up, though it may have died since.
  const bool given_up = connection.link == nullptr && !world_.member(connection.owner.instance).dead;
  if (given_up || connection.replaced) record.flags = kGivenUp;
  const std::pair<uint16_t, bus::Partition> place{connection.owner.stage, request.partition};
  if (record.flags == kGivenUp) {
    went_back_[place] = std::max({went_back_[place], before, after});
  } else if (!went_back_.empty()) {
    went_back_.erase(place);
  }
  world_.Record(record);
  world_.Progress();
}

void LogSide::Appended(const Owner& by, int32_t topic, int32_t partition, uint32_t message, uint64_t transaction) {
  std::vector<uint32_t>& log = messages_[static_cast<size_t>(topic)][static_cast<size_t>(partition)];
  struct Record record = world_.RecordOf(Kind::kAppended);
  if (by.process != Surface::kFeed) {
    record.process = static_cast<uint16_t>(by.process);
    record.incarnation = by.incarnation;
    record.stage = by.stage;
  }
  record.message = message;
  record.topic = static_cast<uint16_t>(topic);
  record.partition = static_cast<uint16_t>(partition);
  record.sequence = log.size();
  record.value = transaction;
  world_.Record(record);
  log.push_back(message);
  world_.recorder().CountBrokerEvents(1);
}

void LogSide::OnPublished(Connection& connection, Payload& published) {
  if (refusing_ || !connection.state.refused.empty() || (transactions_ && broker_.Transactional(connection.id)))
    return PublishOneByOne(connection, published);
  const std::span<const Outgoing> rest = std::span<const Outgoing>(published.messages).subspan(published.done);
  const size_t taken = broker_.Produce(connection.id, published.topics, rest, published.first_token + published.done);
  for (size_t i = 0; i < taken; ++i) {
    Appended(connection.owner, published.topics[static_cast<size_t>(rest[i].topic)], rest[i].partition,
             published.interned[published.done + i]);
  }
  if (taken > 0) world_.Progress();
  // A connection that the broker does not know (any more) takes nothing, and waits for nothing.
  published.done = taken == 0 && !broker_.Knows(connection.id) ? published.messages.size() : published.done + taken;
}

// As an idempotent producer's broker: behind a refused message, later ones of its partition are refused too (their sequence
// numbers do not fit), until the client has heard of it.
void LogSide::PublishOneByOne(Connection& connection, Payload& published) {
  for (; published.done < published.messages.size(); ++published.done) {
    const Outgoing& out = published.messages[published.done];
    const int32_t topic = published.topics[static_cast<size_t>(out.topic)];
    const uint64_t token = published.first_token + published.done;
    const auto last = std::find_if(connection.state.refused.begin(), connection.state.refused.end(),
                                   [&](const auto& r) { return r.topic == topic && r.partition == out.partition; });
    const bool out_of_sequence = last != connection.state.refused.end() && last->number > published.refusals_seen;
    const bool one_more = out_of_sequence && broker_.RefusalsLeft(topic) == 0;
    if (one_more) broker_.RefuseNext(topic, 1);
    const uint64_t refusals = broker_.RefusalsLeft(topic);
    const int64_t end = broker_.Log({topic, out.partition}).end();
    const size_t taken = broker_.Produce(connection.id, published.topics, std::span(&out, 1), token);
    // One more follows from those before it.
    if (!one_more && broker_.RefusalsLeft(topic) < refusals)
      world_.Strikes(refusals_[static_cast<size_t>(topic)].Take());
    // Whoever is fenced is told so, and refused nothing.
    if (one_more && transactions_) broker_.RefuseNext(topic, 0);
    if (taken == 0) {
      if (broker_.Knows(connection.id)) return;  // no room; goes on when there is
      continue;
    }
    if (broker_.Log({topic, out.partition}).end() > end) {
      Appended(connection.owner, topic, out.partition, published.interned[published.done],
               transactions_ ? InTransaction(connection) : 0);
      world_.Progress();
      continue;
    }
    const uint64_t number = ++connection.state.refusals;
    if (last == connection.state.refused.end()) {
      connection.state.refused.push_back({topic, out.partition, number});
    } else {
      last->number = number;
    }
  }
}

bool LogSide::Tells(Connection& connection, LogEvent& event) {
  if (event.kind != LogEventKind::kWritable) return true;
  // The broker has room again: what waits in the socket goes on.
  if (std::exchange(connection.state.stalled, false)) network_.ReadOn(connection);
  return false;
}

void LogSide::Reaches(Connection& connection, const LogEvent& event) {
  if (event.kind != LogEventKind::kProduced) return;
  LogTraits::State& state = connection.state;
  state.in_flight -= std::min<size_t>(state.in_flight, event.count);
}

void LogSide::HaveReached(Connection& connection) {
  if (!connection.state.starved || connection.state.in_flight > kInFlightMax / 2) return;
  connection.state.starved = false;
  LogEvent event;
  event.kind = LogEventKind::kWritable;
  Net::TellAtOnce(connection, std::move(event));
}

void LogSide::Advance() {
  broker_.Advance(world_.Now());
  NoteGenerations();
  network_.Pump();
}

void LogSide::NoteGenerations() {
  const std::vector<StageInfo>& stages = world_.subject().topology().stages;
  for (size_t s = 0; s < stages.size(); ++s) {
    const bus::LogGroup* group = broker_.Group(stages[s].group);
    if (group == nullptr || group->generation() == generations_[s]) continue;
    generations_[s] = group->generation();
    struct Record record = world_.RecordOf(Kind::kMoved);
    record.stage = static_cast<uint16_t>(s);
    record.topic = stages[s].input;
    record.value = static_cast<uint64_t>(generations_[s]);
    world_.Record(record);
  }
}

// What was committed once is settled, though a commit that came late over a connection given up has taken the offset back:
// its owner has nothing left to say, and the next one does it again.
bool LogSide::AllSettled() const {
  // What a transaction that is open holds, and what lies behind that, is still to be seen.
  if (!open_.empty()) return false;
  const Topology& topology = world_.subject().topology();
  for (size_t t = 0; t < topology.topics.size(); ++t) {
    for (uint16_t reader : topology.topics[t].readers) {
      for (int32_t p = 0; p < topology.topics[t].partitions; ++p) {
        if (!Settled(reader, {static_cast<int32_t>(t), p})) return false;
      }
    }
  }
  return true;
}

bool LogSide::Settled(uint16_t reader, bus::Partition partition) const {
  const int64_t end = broker_.Log(partition).end();
  const int64_t settled = broker_.SettledUpTo(world_.subject().topology().stages[reader].group, partition);
  if (end <= settled) return true;
  const auto reached = went_back_.find({reader, partition});
  const int64_t from = reached == went_back_.end() ? settled : std::max(settled, reached->second);
  // Markers and what was aborted have no settlement.
  return end <= from || (transactions_ && broker_.CommittedFrom(partition, from) == 0);
}

void LogSide::ForEachOn(uint16_t topic, const std::function<void(uint32_t)>& visit) {
  for (uint16_t p = 0; p < messages_[topic].size(); ++p) {
    if (transactions_) {
      ForEachVisible({topic, p}, visit);
      continue;
    }
    const auto start = static_cast<size_t>(broker_.Log({topic, p}).start());
    for (size_t offset = start; offset < messages_[topic][p].size(); ++offset) visit(messages_[topic][p][offset]);
  }
}

bus::Capabilities LogCapabilities() {
  bus::Capabilities capabilities;
  capabilities.backend = "sim (log)";
  capabilities.settlement = bus::Settlement::kPrefix;
  capabilities.replay = true;
  capabilities.transactions = true;
  capabilities.lag = true;
  capabilities.notes = true;
  capabilities.gapless_publish = true;
  capabilities.crash_model = "survives: everything but retention";
  return capabilities;
}

std::unique_ptr<BrokerSide> MakeLogSide(World& world) { return std::make_unique<LogSide>(world); }

}  // namespace millrace::sim
