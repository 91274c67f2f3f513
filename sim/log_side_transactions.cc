// The log broker's transactions, as the history tells of them.
#include "sim/log_side.h"

namespace millrace::sim {

bool LogSide::EndsTransaction(const Net::Packet& packet) {
  return packet.type == Net::Packet::Type::kPayload && !packet.payload->produce &&
         packet.payload->request.View().method == bus::LogMethod::kEndTransaction;
}

uint64_t LogSide::InTransaction(const Connection& connection) {
  const uint64_t number = broker_.TransactionOf(connection.id);
  if (number != 0) open_.emplace(number, connection.owner);
  return number;
}

// One step: what it holds is seen, and what it settles is settled. Its markers take offsets of their own.
void LogSide::OnTransactionEnd(const bus::LogTransactionEnd& end) {
  for (const bus::Partition partition : end.written) {
    std::vector<uint32_t>& log = messages_[static_cast<size_t>(partition.topic)][static_cast<size_t>(partition.number)];
    log.resize(static_cast<size_t>(broker_.Log(partition).end()), kNoMessage);
  }
  struct Record record = world_.RecordOf(Kind::kEnded);
  const auto owner = open_.find(end.number);
  if (owner != open_.end()) {
    record.process = static_cast<uint16_t>(owner->second.process);
    record.incarnation = owner->second.incarnation;
    record.stage = owner->second.stage;
    open_.erase(owner);
  }
  record.value = end.number;
  record.attempt = end.committed ? 1 : 0;
  record.count = static_cast<uint32_t>(end.why);
  world_.Record(record);
  for (const bus::LogTransactionEnd::Offset& offset : end.offsets) {
    if (offset.after == offset.before) continue;
    struct Record moved = world_.RecordOf(Kind::kCommitted);
    moved.stage = record.stage;
    moved.topic = static_cast<uint16_t>(offset.partition.topic);
    moved.partition = static_cast<uint16_t>(offset.partition.number);
    moved.sequence = static_cast<uint64_t>(offset.after);
    moved.value = static_cast<uint64_t>(offset.before < 0 ? 0 : offset.before);
    moved.epoch = end.number;
    world_.Record(moved);
  }
  world_.recorder().CountBrokerEvents(1);
  if (end.committed) world_.Progress();
}

void LogSide::ForEachVisible(bus::Partition partition, const std::function<void(uint32_t)>& visit) const {
  const std::vector<uint32_t>& log =
      messages_[static_cast<size_t>(partition.topic)][static_cast<size_t>(partition.number)];
  broker_.ForEachOnceAborted(partition,
                             [&](const bus::Delivery& record) { visit(log[static_cast<size_t>(record.offset)]); });
}

}  // namespace millrace::sim
