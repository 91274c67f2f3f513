// What faults do to the log broker.
#include <algorithm>

#include "sim/log_side.h"

namespace millrace::sim {

using bus::Outgoing;

bool LogSide::StopBroker() {
  if (!broker_.up()) return false;
  broker_.Stop();
  network_.Pump();
  return true;
}

bool LogSide::StartBroker() {
  if (broker_.up()) return false;
  broker_.Start(world_.Now());
  network_.Pump();
  return true;
}

bool LogSide::SetCoordinator(bool available) {
  broker_.SetCoordinator(available, world_.Now());
  network_.Pump();
  return true;
}

bool LogSide::Refuse(uint16_t topic, int32_t, uint64_t count) {
  broker_.RefuseNext(topic, count);
  refusing_ = true;
  return count > 0;
}

bool LogSide::Destroy(uint16_t topic, uint16_t partition, uint64_t count) {
  const bus::Partition place{topic, partition};
  const int64_t start = broker_.Log(place).start();
  const int64_t to = std::min(broker_.Log(place).end(), start + static_cast<int64_t>(count));
  if (to <= start) return false;
  for (uint16_t reader : world_.subject().topology().topics[topic].readers) {
    const int64_t settled = broker_.SettledUpTo(world_.subject().topology().stages[reader].group, place);
    for (int64_t offset = std::max(start, settled); offset < to; ++offset) {
      struct Record record = world_.RecordOf(Kind::kDestroyed);
      record.stage = reader;
      record.topic = topic;
      record.partition = partition;
      record.sequence = static_cast<uint64_t>(offset);
      record.message = messages_[topic][partition][static_cast<size_t>(offset)];
      world_.Record(record);
      world_.Destroyed(reader);
    }
  }
  broker_.DeleteRecordsBefore(place, to);
  network_.Pump();
  return true;
}

// The last record once more, as a source that repeats itself would put it there.
bool LogSide::Redeliver(uint16_t topic, uint16_t partition) {
  if (partition >= messages_[topic].size() || !broker_.up()) return false;
  const bus::LogPartition& log = broker_.Log({topic, partition});
  if (log.end() == log.start()) return false;
  const bus::LogPartition::Slice slice = log.Read(log.end() - 1, 1);
  if (slice.records.empty()) return false;
  const Outgoing copy{.topic = 0, .partition = partition, .message = slice.records.front().message};
  class Nobody final : public bus::Waker {
    void Wake() override {}
  };
  static Nobody nobody;
  const int32_t topics[] = {topic};
  const bus::LogConnectionId tool = broker_.Open(nobody, world_.Now());
  const int64_t end = log.end();
  broker_.Produce(tool, topics, std::span(&copy, 1), 1);
  broker_.Drop(tool, world_.Now());
  if (log.end() == end) return false;  // no room, or refused
  Appended(nullptr, topic, partition, messages_[topic][partition].back());
  network_.Pump();
  return true;
}

}  // namespace millrace::sim
