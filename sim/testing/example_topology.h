// Topologies for tests of plans: three stages in a row, with a sink, a port, receipts and dead letters; and one of nothing.
//
// Threading: values.
#ifndef MILLRACE_SIM_TESTING_EXAMPLE_TOPOLOGY_H_
#define MILLRACE_SIM_TESTING_EXAMPLE_TOPOLOGY_H_

#include "sim/history.h"

namespace millrace::sim {

// Topics raw, loose (unordered), clean, dead; stages parse: raw → loose, price: loose → clean, store: clean → a sink.
inline Topology ExampleTopology(bool queue) {
  Topology topology;
  topology.queue = queue;
  topology.topics = {
      {.name = "raw", .partitions = 4, .readers = {0}},
      {.name = "loose", .partitions = 2, .ordered = false, .readers = {1}},
      {.name = "clean", .partitions = 3, .readers = {2}},
      {.name = "dead", .dead_letter = true},
  };
  topology.stages = {
      {.name = "parse",
       .group = "parse",
       .input = 0,
       .dead_letter = 3,
       .outputs = {1},
       .window = 16,
       .window_bytes = 1 << 20,
       .attempts_max = 5},
      {.name = "price",
       .group = "price",
       .input = 1,
       .dead_letter = 3,
       .outputs = {2},
       .window = 16,
       .window_bytes = 1 << 20,
       .attempts_max = 5},
      {.name = "store",
       .group = "store",
       .input = 2,
       .dead_letter = 3,
       .sink = true,
       .window = 16,
       .window_bytes = 1 << 20,
       .attempts_max = 5},
  };
  topology.ports = {"store"};
  return topology;
}

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_TESTING_EXAMPLE_TOPOLOGY_H_
