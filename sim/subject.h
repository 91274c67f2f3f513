// What is simulated: a pipeline as people write it, with the stages a binary knows, and the inputs it is given.
//
//   absl::StatusOr<Subject> subject = Subject::Make(*resolved, registry, {.base_dir = file.base_dir()});
//   subject->SetInputs(std::move(inputs));
//
// Errors: Make refuses what cannot be simulated (a port without a simulated stand-in), naming it.
// Threading: immutable after SetInputs; any number of runs on any threads read it.
#ifndef MILLRACE_SIM_SUBJECT_H_
#define MILLRACE_SIM_SUBJECT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/bus.h"
#include "bus/clock.h"
#include "bus/digest.h"
#include "bus/message.h"
#include "sim/history.h"
#include "sim/plan.h"
#include "stages/instance_setup.h"
#include "stages/port.h"
#include "stages/port_world.h"
#include "stages/registry.h"
#include "stages/settings.h"

namespace millrace::sim {

// A job as a source gives it: a message for a topic, with its envelope in the headers.
struct Input {
  uint16_t topic = 0;
  std::string id;
  std::optional<std::string> key;
  std::string body;
  std::string headers;  // a block of bus::Headers

  bus::Message message() const {
    bus::Message m;
    if (key.has_value()) m.key = *key;
    m.body = body;
    m.headers = bus::Headers(headers);
    return m;
  }
};

// What a run's books say of an input, worked out once for all runs (Subject::SetInputs).
struct InputDigests {
  bus::Digest128 id;     // of its ce_id
  uint64_t name = 0;     // another digest of it
  uint64_t content = 0;  // MessageInfo::digest
  uint64_t key = 0;      // digest of its key; meaningless where it has none
  int32_t partition = 0;
  std::string share;
  bool plain = false;  // named as its envelope says, and neither a receipt nor derived from something
};

struct SubjectOptions {
  std::string base_dir;  // what relative paths in options are relative to
  // The next version of some of the stages, for rolling deployments, under the names that their kinds have now; nullptr: there
  // is none. Other stages stay as they are, and ports and sources always do.
  const stages::Registry* next_version = nullptr;
};

// A pipeline as histories show it; `processes` and `queue` are left to the caller. Errors: InvalidArgument for a kind of stage
// or a topic that there is not, and for one with more partitions than records can name.
absl::StatusOr<Topology> HistoryTopologyOf(const stages::ResolvedPipeline& pipeline, const stages::Registry& registry);

class Subject {
 public:
  static absl::StatusOr<Subject> Make(stages::ResolvedPipeline pipeline, const stages::Registry& registry,
                                      SubjectOptions options);

  // Inputs of the pipeline's own sources, at most `most` of each, spread evenly over what a source has (which is read to
  // its end, or to `scan_max` records).
  absl::StatusOr<std::vector<Input>> ReadSources(size_t most, size_t scan_max = 200'000) const;
  // One input per line of text, for a topic (the first source's where the pipeline has one, else the first stage's
  // input): the line is the body, its key the first `key` field where the line is a JSON object that has it; ids are
  // line numbers.
  absl::StatusOr<std::vector<Input>> InputsOfLines(std::string_view text, std::string_view name) const;
  // A record that is there twice (topic, id and content) is one input: the same job. None is larger than a bus takes.
  void SetInputs(std::vector<Input> inputs);

  // One object of a stage, with this or the next version of its kind; what it is given outlives it. Errors: the factory's.
  absl::StatusOr<stages::MadeStage> MakeStage(uint16_t stage, bool next_version, const stages::Ports& ports,
                                              const Clock& clock) const;
  // The stand-in of a port, in that world, which outlives it.
  absl::StatusOr<std::unique_ptr<stages::Port>> MakePort(uint16_t port, stages::PortWorld* world) const;

  const stages::ResolvedPipeline& pipeline() const { return pipeline_; }
  // Of a stage, in this or the next version.
  const stages::StageKind& kind(uint16_t stage, bool next_version) const;
  // Whether the next version has another kind for a stage of the pipeline.
  bool has_next_version() const;
  const std::string& base_dir() const { return options_.base_dir; }
  const std::vector<Input>& inputs() const { return inputs_; }
  const InputDigests& digests(size_t input) const { return input_digests_[input]; }
  uint64_t inputs_digest() const { return inputs_digest_; }
  // As histories show it; `processes` and `queue` are the plan's.
  const Topology& topology() const { return topology_; }
  // As brokers are given it: without the groups that only a real run has, and with everything kept that nobody reads.
  const bus::Topology& bus_topology() const { return bus_topology_; }
  // Where a stage's output number o (index into StageSettings::producer_topics) goes.
  uint16_t ProducerTopic(uint16_t stage, int32_t index) const {
    return producer_topics_[stage][static_cast<size_t>(index)];
  }
  // Whether its kind, in this or the next version, names ports, and so may stand still in them; whether it names this one.
  bool uses_ports(uint16_t stage, bool next_version) const { return names_port_[next_version][stage].any; }
  bool names_port(uint16_t stage, bool next_version, uint16_t port) const {
    return names_port_[next_version][stage].which[port];
  }
  // What a port answers whose caller cannot stand still in it.
  absl::Status NotNamed(uint16_t port) const;

 private:
  stages::ResolvedPipeline pipeline_;
  const stages::Registry* registry_ = nullptr;
  SubjectOptions options_;
  std::vector<Input> inputs_;
  std::vector<InputDigests> input_digests_;
  uint64_t inputs_digest_ = 0;
  Topology topology_;
  bus::Topology bus_topology_;
  std::vector<std::vector<uint16_t>> producer_topics_;
  struct NamedPorts {
    bool any = false;
    std::vector<bool> which;
  };
  std::array<std::vector<NamedPorts>, 2> names_port_;  // by version and stage
};

}  // namespace millrace::sim

#endif  // MILLRACE_SIM_SUBJECT_H_
