// What faults do to the queue broker.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/queue_side.h"

namespace millrace::sim {

bool QueueSide::Reset(uint32_t process, bool broker_too) {
  const bool any = network_.Reset(process, broker_too);
  network_.Pump();
  return any;
}

bool QueueSide::StopBroker() {
  if (!broker_.up()) return false;
  // What waited for the end of an alarm has gone with its connection.
  for (const std::unique_ptr<Connection>& connection : network_.connections()) connection->state.held.reset();
  broker_.Stop(world_.Now());
  network_.Pump();
  return true;
}

bool QueueSide::StartBroker() {
  if (broker_.up()) return false;
  broker_.Start(world_.Now());
  network_.Pump();
  return true;
}

bool QueueSide::Refuse(uint16_t topic, int32_t partition, uint64_t count) {
  const auto& partitions = places_of_[topic];
  const size_t p = partition < 0 ? 0 : static_cast<size_t>(partition);
  if (p >= partitions.size() || partitions[p].empty()) return false;
  const std::string& queue = partitions[p].front()->name;
  if (!broker_.HasQueue(queue)) return false;
  Armed& refusals = refusals_[topic][p];
  // A queue that was deleted, and declared anew, refuses nothing.
  if (broker_.RefusalsLeft(queue) == 0) refusals.Clear();
  if (count > 0) {
    refusals.Add(world_.Arm(), count);
  } else {
    refusals.Drop(world_.healing());
  }
  broker_.RefuseNext(queue, refusals.left());
  return count > 0;
}

uint64_t QueueSide::RefusalsLeft(uint16_t topic, uint16_t partition) const {
  // Where nobody has asked for refusals there is nothing to count.
  if (refusals_[topic][partition].left() == 0) return 0;
  uint64_t left = 0;
  for (const Place* place : places_of_[topic][partition]) left += broker_.RefusalsLeft(place->name);
  return left;
}

bool QueueSide::SetAlarm(bool on) {
  if (alarm_ == on) return false;
  alarm_ = on;
  if (on) {
    alarm_by_ = world_.Arm();
    broker_.SetAlarm(on, world_.Now());
    network_.Pump();
    return true;
  }
  // What was held is read now, each connection's in its turn.
  std::vector<Connection*> waited;
  for (const std::unique_ptr<Connection>& connection : network_.connections()) {
    if (connection->state.held != nullptr) waited.push_back(connection.get());
  }
  broker_.SetAlarm(on, world_.Now(), [&](bus::ConnectionId id, bool stored) {
    const auto at = std::find_if(waited.begin(), waited.end(), [id](const Connection* c) { return c->id == id; });
    if (at == waited.end()) return;
    const Payload& held = *(*at)->state.held;
    const uint16_t topic = world_.recorder().message(held.message).topic;
    const uint16_t partition = PartitionOfPublish(held.request.View());
    if (!stored) return world_.Strikes(refusals_[topic][partition].Take());
    Appended((*at)->owner, topic, partition, held.message);
  });
  for (Connection* connection : waited) {
    connection->state.held.reset();
    network_.ReadOn(*connection);
  }
  network_.Pump();
  return true;
}

bool QueueSide::DeleteQueue(uint16_t stage, uint16_t partition) {
  const Place* place = PlaceOf(stage, partition);
  if (place == nullptr || !broker_.HasQueue(place->name)) return false;
  broker_.BrowseUnsettled(place->name, [&](const bus::QueueBroker::Resting& resting) {
    struct Record record = world_.RecordOf(Kind::kDestroyed);
    record.stage = stage;
    record.topic = place->topic;
    record.partition = partition;
    record.message = world_.recorder().Intern(place->topic, resting.message);
    world_.Record(record);
    world_.Destroyed(stage, partition, /*last=*/0);
    return true;
  });
  broker_.DeleteQueue(place->name, world_.Now());
  network_.Pump();
  return true;
}

bool QueueSide::Unbind(uint16_t topic, int64_t duration_ns) {
  unbound_until_ns_[topic] = world_.now_ns() + duration_ns;
  unbound_by_[topic] = world_.Arm();
  return duration_ns > 0;
}

bool QueueSide::Demote(uint16_t stage, uint16_t partition) {
  const Place* place = PlaceOf(stage, partition);
  if (place == nullptr || broker_.Stats(place->name).consumers == 0) return false;
  broker_.Demote(place->name, world_.Now());
  struct Record record = world_.RecordOf(Kind::kMoved);
  record.stage = stage;
  record.topic = place->topic;
  record.partition = partition;
  world_.Record(record);
  network_.Pump();
  return true;
}

bool QueueSide::Redeliver(uint16_t stage, uint16_t partition, uint64_t) {
  const Place* place = PlaceOf(stage, partition);
  if (place == nullptr || !broker_.up()) return false;
  for (const std::unique_ptr<Connection>& connection : network_.connections()) {
    if (connection->link == nullptr || connection->broken) continue;
    const std::vector<Channel>& channels = connection->state.channels;
    const bool owes = std::any_of(channels.begin(), channels.end(), [&](const Channel& channel) {
      return channel.queue == &place->name && !channel.unsettled.empty();
    });
    if (!owes) continue;
    connection->state.breaks_at_ack_of = &place->name;
    connection->state.ack_lost_by = world_.Arm();
    return true;
  }
  return false;
}

// Where the next acknowledgement is one that is to be lost, nothing is read any more: the connection breaks.
bool QueueSide::LosesAck(const Connection& connection, const Net::Packet& packet) {
  if (packet.type != Net::Packet::Type::kPayload) return false;
  const bus::Request request = packet.payload->request.View();
  if (request.method != bus::Method::kAck || request.channel >= connection.state.channels.size()) return false;
  if (connection.state.channels[request.channel].queue != connection.state.breaks_at_ack_of) return false;
  breaking_.push_back(connection.index);
  world_.Schedule(world_.now_ns(), What::kBroker);
  return true;
}

void QueueSide::BreakWhatLosesAcks() {
  for (const uint32_t index : std::exchange(breaking_, {})) {
    Connection& connection = *network_.connections()[index];
    if (std::exchange(connection.state.breaks_at_ack_of, nullptr) == nullptr) continue;
    world_.Strikes(connection.state.ack_lost_by);
    network_.Sever(connection);
  }
}

bool QueueSide::ScatterConfirms(bool on) {
  if (style_ == bus::ConfirmStyle::kScattered || std::exchange(scattered_, on) == on) return false;
  if (on) scattered_by_ = world_.Arm();
  broker_.SetConfirmStyle(on ? bus::ConfirmStyle::kScattered : style_);
  return true;
}

}  // namespace millrace::sim
