// What faults do to the log broker.
#include <algorithm>
#include <utility>

#include "sim/log_side.h"

namespace millrace::sim {

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
  if (std::exchange(coordinator_, available) == available) return false;
  if (!available) coordinator_gone_by_ = world_.Arm();
  broker_.SetCoordinator(available, world_.Now());
  network_.Pump();
  return true;
}

bool LogSide::Refuse(uint16_t topic, int32_t, uint64_t count) {
  if (count > 0) {
    refusals_[topic].Add(world_.Arm(), count);
  } else {
    refusals_[topic].Drop(world_.healing());
  }
  broker_.RefuseNext(topic, refusals_[topic].left());
  refusing_ = true;
  return count > 0;
}

bool LogSide::Destroy(uint16_t topic, uint16_t partition, uint64_t count) {
  const bus::Partition place{topic, partition};
  const int64_t start = broker_.Log(place).start();
  // Not what a transaction has written that is still open, nor what lies behind that.
  const int64_t to = std::min(broker_.StableEnd(place), start + static_cast<int64_t>(count));
  if (to <= start) return false;
  for (uint16_t reader : world_.subject().topology().topics[topic].readers) {
    const int64_t settled = broker_.SettledUpTo(world_.subject().topology().stages[reader].group, place);
    for (int64_t offset = std::max(start, settled); offset < to; ++offset) {
      if (transactions_ && !Seen(place, offset)) continue;
      struct Record record = world_.RecordOf(Kind::kDestroyed);
      record.stage = reader;
      record.topic = topic;
      record.partition = partition;
      record.sequence = static_cast<uint64_t>(offset);
      record.message = messages_[topic][partition][static_cast<size_t>(offset)];
      world_.Record(record);
      world_.Destroyed(reader, partition, record.sequence);
    }
  }
  broker_.DeleteRecordsBefore(place, to);
  network_.Pump();
  return true;
}

// Whether readers of committed data find a record there.
bool LogSide::Seen(bus::Partition partition, int64_t offset) const {
  const bus::LogPartition::Slice slice = broker_.ReadCommitted(partition, offset, 1);
  return !slice.records.empty() && slice.records.front().offset == offset;
}

bool LogSide::Redeliver(uint16_t stage, uint16_t partition, uint64_t records) {
  const StageInfo& reader = world_.subject().topology().stages[stage];
  if (partition >= messages_[reader.input].size()) return false;
  const bus::Partition place{reader.input, partition};
  const bus::LogGroup* group = broker_.Group(reader.group);
  const int64_t before = group == nullptr ? -1 : group->CommittedOf(place).offset;
  const int64_t back = broker_.LoseCommits(reader.group, place, static_cast<int64_t>(records));
  if (back < 0) return false;
  struct Record record = world_.RecordOf(Kind::kCommitted);
  record.stage = stage;
  record.topic = reader.input;
  record.partition = partition;
  record.sequence = static_cast<uint64_t>(back);
  record.value = static_cast<uint64_t>(before);
  record.count = static_cast<uint32_t>(before - back);
  world_.Record(record);
  // It is for the group to do that again, whatever a late commit has said of it before.
  went_back_.erase({stage, place});
  NoteGenerations();
  network_.Pump();
  return true;
}

}  // namespace millrace::sim
