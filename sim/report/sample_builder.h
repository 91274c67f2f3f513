// What hand-written runs are made of (sim/report/sample.cc).
//
// Times are microseconds. Threading: one thread.
#ifndef MILLRACE_SIM_REPORT_SAMPLE_BUILDER_H_
#define MILLRACE_SIM_REPORT_SAMPLE_BUILDER_H_

#include <cstdint>
#include <string>
#include <utility>

#include "sim/history.h"
#include "sim/report/sample.h"

namespace millrace::sim {

class SampleBuilder {
 public:
  explicit SampleBuilder(Sample& sample) : sample_(sample), history_(sample.history) {}

  uint32_t AddJob(uint32_t id, const std::string& key) {
    const auto job = static_cast<uint32_t>(history_.jobs.size());
    history_.keys.push_back(key);
    const uint32_t message = AddMessage({.role = MessageRole::kInput, .topic = 0, .job = job});
    history_.messages[message].key = job;
    history_.jobs.push_back({.id = id, .input = id, .message = message, .name = "order-" + std::to_string(id)});
    sample_.plan.jobs.push_back({.id = id, .input = id});
    return message;
  }

  uint32_t AddDerived(uint32_t of, uint16_t topic, uint16_t stage) {
    MessageInfo info = history_.messages[of];
    info.role = MessageRole::kDerived;
    info.topic = topic;
    info.stage = stage;
    return AddMessage(std::move(info));
  }

  // The index of the record.
  uint32_t Add(int64_t microseconds, Record record) {
    record.at_ns = microseconds * 1000;
    history_.records.push_back(record);
    return static_cast<uint32_t>(history_.records.size()) - 1;
  }

 private:
  uint32_t AddMessage(MessageInfo info) {
    info.id.low = history_.messages.size() + 1;
    history_.messages.push_back(std::move(info));
    return static_cast<uint32_t>(history_.messages.size()) - 1;
  }

  Sample& sample_;
  History& history_;
};

// Where a message is and who has it.
struct Spot {
  uint16_t process = 0;
  uint16_t incarnation = 0;
  uint16_t stage = 0;
  uint16_t topic = 0;
  uint16_t partition = 0;
  uint64_t offset = 0;
  uint64_t epoch = 1;

  Record Of(Kind kind, uint32_t message) const {
    return {.kind = kind,
            .process = process,
            .incarnation = incarnation,
            .stage = stage,
            .topic = topic,
            .partition = partition,
            .message = message,
            .sequence = offset,
            .epoch = epoch};
  }
  Record Commit() const {
    Record record = Of(Kind::kCommit, kNoMessage);
    record.sequence = offset + 1;
    return record;
  }
  Record Committed() const {
    return {.kind = Kind::kCommitted,
            .stage = stage,
            .topic = topic,
            .partition = partition,
            .sequence = offset + 1,
            .value = offset};
  }
  Record Assigned(Kind kind) const {
    Record record = Of(kind, kNoMessage);
    record.sequence = 0;
    record.value = kind == Kind::kAssigned ? offset : 0;
    return record;
  }
};

Record Appended(uint32_t message, uint16_t topic, uint16_t partition, uint64_t offset);
Record Life(Kind kind, uint16_t process, uint16_t incarnation);
void Feed(SampleBuilder& b, int64_t at, uint32_t message, uint16_t partition, uint64_t offset);
// An attempt at what stands at `spot`, with its output going to `topic`; the right order of things.
void Parse(SampleBuilder& b, int64_t at, const Spot& spot, uint32_t in, uint32_t out, uint16_t topic,
           uint64_t out_offset);
void Store(SampleBuilder& b, int64_t at, const Spot& spot, uint32_t in);
void Sort(Sample& sample);
// Index of the first record of the kind about the message (or, with kNoMessage, of the process).
uint32_t Find(const Sample& sample, Kind kind, uint32_t message, uint16_t process = kNoProcess);
// Both stages' partitions of one number change their owner.
void Hands(SampleBuilder& b, int64_t at, Kind kind, Spot spot, uint64_t raw_from, uint64_t parsed_from);
void SetScene(Sample& sample, uint16_t processes, uint16_t partitions);

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_REPORT_SAMPLE_BUILDER_H_
