#include "sim/report/sample_builder.h"

#include <algorithm>

namespace millrace::sim {

Record Appended(uint32_t message, uint16_t topic, uint16_t partition, uint64_t offset) {
  return {.kind = Kind::kAppended, .topic = topic, .partition = partition, .message = message, .sequence = offset};
}

Record Life(Kind kind, uint16_t process, uint16_t incarnation) {
  return {.kind = kind, .process = process, .incarnation = incarnation};
}

void Feed(SampleBuilder& b, int64_t at, uint32_t message, uint16_t partition, uint64_t offset) {
  b.Add(at, {.kind = Kind::kSubmit, .message = message});
  b.Add(at + 1'100, Appended(message, 0, partition, offset));
  b.Add(at + 1'950, {.kind = Kind::kAccepted, .message = message});
}

void Parse(SampleBuilder& b, int64_t at, const Spot& spot, uint32_t in, uint32_t out, uint16_t topic,
           uint64_t out_offset) {
  b.Add(at, spot.Of(Kind::kDelivered, in));
  Record record = spot.Of(Kind::kDispatch, in);
  record.attempt = 1;
  b.Add(at + 150, record);
  record.kind = Kind::kAttempt;
  record.count = 1;
  b.Add(at + 1'600, record);
  record = {.kind = Kind::kOutput,
            .process = spot.process,
            .incarnation = spot.incarnation,
            .stage = spot.stage,
            .message = out};
  record.value = in;
  b.Add(at + 1'600, record);
  record.kind = Kind::kPublish;
  record.value = out;
  b.Add(at + 1'600, record);
  b.Add(at + 2'700, Appended(out, topic, spot.partition, out_offset));
  record.kind = Kind::kConfirm;
  record.value = 0;
  b.Add(at + 3'500, record);
  b.Add(at + 3'500, spot.Of(Kind::kSettle, in));
  b.Add(at + 3'500, spot.Commit());
  b.Add(at + 4'400, spot.Committed());
}

void Store(SampleBuilder& b, int64_t at, const Spot& spot, uint32_t in) {
  b.Add(at, spot.Of(Kind::kDelivered, in));
  Record record = spot.Of(Kind::kDispatch, in);
  record.attempt = 1;
  b.Add(at + 100, record);
  Record effect = spot.Of(Kind::kEffect, in);
  effect.topic = 0;
  b.Add(at + 900, effect);
  record.kind = Kind::kAttempt;
  b.Add(at + 1'700, record);
  b.Add(at + 1'700, spot.Of(Kind::kSettle, in));
  b.Add(at + 1'700, spot.Commit());
  b.Add(at + 2'900, spot.Committed());
}

void Sort(Sample& sample) {
  std::stable_sort(sample.history.records.begin(), sample.history.records.end(),
                   [](const Record& a, const Record& b) { return a.at_ns < b.at_ns; });
}

uint32_t Find(const Sample& sample, Kind kind, uint32_t message, uint16_t process) {
  const auto& records = sample.history.records;
  for (uint32_t i = 0; i < records.size(); ++i) {
    const Record& r = records[i];
    if (r.kind == kind && r.message == message && (process == kNoProcess || r.process == process)) return i;
  }
  return 0;
}

void Hands(SampleBuilder& b, int64_t at, Kind kind, Spot spot, uint64_t raw_from, uint64_t parsed_from) {
  spot.stage = spot.topic = 0;
  spot.offset = raw_from;
  b.Add(at, spot.Assigned(kind));
  spot.stage = spot.topic = 1;
  spot.offset = parsed_from;
  b.Add(at + 40, spot.Assigned(kind));
}

void SetScene(Sample& sample, uint16_t processes, uint16_t partitions) {
  sample.plan.seed = 4711;
  sample.plan.processes = processes;
  Topology& topology = sample.history.topology;
  topology.processes = processes;
  topology.topics = {{.name = "raw", .partitions = partitions, .readers = {0}},
                     {.name = "parsed", .partitions = partitions, .readers = {1}},
                     {.name = "dead", .dead_letter = true}};
  topology.stages = {{.name = "parse", .group = "parse", .input = 0, .dead_letter = 2, .outputs = {1}},
                     {.name = "store", .group = "store", .input = 1, .dead_letter = 2, .sink = true}};
  topology.ports = {"store"};
}

}  // namespace millrace::sim
