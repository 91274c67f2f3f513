// What faults do to the queue broker.
#include <algorithm>
#include <memory>
#include <vector>

#include "sim/queue_side.h"

namespace millrace::sim {

void QueueSide::Reset(uint32_t process, bool broker_too) {
  network_.Reset(process, broker_too);
  network_.Pump();
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
  broker_.RefuseNext(partitions[p].front()->name, count);
  return count > 0;
}

bool QueueSide::SetAlarm(bool on) {
  if (alarm_ == on) return false;
  alarm_ = on;
  if (on) {
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
    if (at == waited.end() || !stored) return;
    const Payload& held = *(*at)->state.held;
    const uint16_t topic = world_.recorder().message(held.message).topic;
    Appended((*at)->owner, topic, PartitionOfPublish(held.request.View()), held.message);
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
    world_.Destroyed(stage);
    return true;
  });
  broker_.DeleteQueue(place->name, world_.Now());
  network_.Pump();
  return true;
}

bool QueueSide::Unbind(uint16_t topic, int64_t duration_ns) {
  unbound_until_ns_[topic] = world_.now_ns() + duration_ns;
  return duration_ns > 0;
}

bool QueueSide::Demote(uint16_t stage, uint16_t partition) {
  const Place* place = PlaceOf(stage, partition);
  if (place == nullptr || !broker_.HasQueue(place->name)) return false;
  broker_.Demote(place->name, world_.Now());
  struct Record record = world_.RecordOf(Kind::kMoved);
  record.stage = stage;
  record.topic = place->topic;
  record.partition = partition;
  world_.Record(record);
  network_.Pump();
  return true;
}

// The message that was put in last once more, as a source that repeats itself would publish it.
bool QueueSide::Redeliver(uint16_t topic, uint16_t partition) {
  if (partition >= last_[topic].size() || last_[topic][partition] == nullptr || !broker_.up()) return false;
  const bus::Request last = last_[topic][partition]->request.View();
  bool any = false;
  for (const Place* place : places_of_[topic][partition]) {
    any |= broker_.Restore(place->name, last.message, 0, last.routing_key, world_.Now());
  }
  if (!any) return false;
  struct Record record = world_.RecordOf(Kind::kAppended);
  record.message = world_.recorder().Intern(topic, last.message);
  record.topic = topic;
  record.partition = partition;
  record.sequence = appended_[topic][partition]++;
  world_.Record(record);
  network_.Pump();
  return true;
}

bool QueueSide::ScatterConfirms(bool on) {
  broker_.SetConfirmStyle(on ? bus::ConfirmStyle::kScattered : style_);
  return true;
}

}  // namespace millrace::sim
