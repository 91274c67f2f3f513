// What a benchmark over a bus is about: topics, a group, and how many records of which shape.
#ifndef MILLRACE_OPS_BENCH_OPTIONS_H_
#define MILLRACE_OPS_BENCH_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "bus/bus.h"

namespace millrace::ops {

struct BenchOptions {
  std::string in = "bench-in";
  std::string out = "bench-out";
  std::string group = "bench";
  uint64_t count = 1'000'000;
  int32_t partitions = 8;
  int32_t keys = 1000;
  int32_t bytes = 256;  // of a body
  uint64_t rate = 0;    // records a second when filling; 0: as fast as it goes
  Duration patience = std::chrono::seconds(30);
};

// Where the stage's dead letters go: none are expected.
inline std::string BenchDeadTopic(const BenchOptions& options) { return options.out + ".dead"; }
// The group that reads `out`.
inline std::string BenchReader(const BenchOptions& options) { return options.group + "-reader"; }

// All that they need.
inline bus::Topology BenchTopology(const BenchOptions& options) {
  bus::Topology topology;
  topology.topics = {
      {.name = options.in, .partitions = options.partitions, .ordered = true, .groups = {options.group}},
      {.name = options.out, .partitions = options.partitions, .ordered = true, .groups = {BenchReader(options)}},
      {.name = BenchDeadTopic(options),
       .partitions = 1,
       .ordered = true,
       .groups = {},
       .backlog_bytes_max = 0,
       .keep = true}};
  return topology;
}

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_BENCH_OPTIONS_H_
