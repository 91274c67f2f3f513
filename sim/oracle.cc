#include "sim/oracle.h"

#include <algorithm>

#include "sim/oracle_walk.h"

namespace millrace::sim {

Oracle::Oracle(const Subject& subject, const RunOptions& options)
    : subject_(subject), options_(options), segments_(16 << 10) {
  const Topology& topology = subject.topology();
  const auto stages = static_cast<uint16_t>(topology.stages.size());
  writers_.resize(stages);
  for (uint16_t s = 0; s < stages; ++s) {
    for (size_t o = 0; o < subject.pipeline().stages[s].producer_topics.size(); ++o) {
      const uint16_t topic = subject.ProducerTopic(s, static_cast<int32_t>(o));
      for (const uint16_t reader : topology.topics[topic].readers) writers_[reader].push_back(s);
    }
  }
  std::vector<bool> taken(stages, false);
  for (bool more = true; more;) {
    more = false;
    for (uint16_t s = 0; s < stages; ++s) {
      if (taken[s] || !std::all_of(writers_[s].begin(), writers_[s].end(), [&](uint16_t w) { return taken[w]; }))
        continue;
      taken[s] = more = true;
      order_.push_back(s);
    }
  }
}

absl::StatusOr<History> Oracle::Run(const Plan& plan, std::span<const uint32_t> left_out) {
  if (order_.size() < subject_.topology().stages.size()) return NotForTheOracle("the stages form a cycle");
  if (options_.auto_commit_ns != 0) return NotForTheOracle("clients commit what is not done");
  if (options_.shell != nullptr) return NotForTheOracle("attempts are told before they are made");
  OracleWalk walk(subject_, options_, plan, &segments_);
  if (absl::Status s = walk.OpenPorts(); !s.ok()) return s;
  if (absl::Status s = walk.HandOver(left_out); !s.ok()) return s;
  for (const uint16_t stage : order_) {
    if (absl::Status s = walk.RunStage(stage, !writers_[stage].empty()); !s.ok()) return s;
  }
  return walk.Finish();
}

}  // namespace millrace::sim
