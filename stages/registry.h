// The kinds of stages, sources and ports that a binary knows, filled by registrar functions that main names explicitly:
//
//   absl::Status RegisterStages(Registry& registry) {
//     return registry.AddStage({.kind = "shout", .summary = "upper-cases the body",
//                               .make = [](const StageConfig&) { return std::make_unique<Shout>(); }});
//   }
//
// Threading: fill it on one thread, then read on any. Factories are called on any thread, one at a time.
#ifndef MILLRACE_STAGES_REGISTRY_H_
#define MILLRACE_STAGES_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/clock.h"
#include "stages/port.h"
#include "stages/port_world.h"
#include "stages/source.h"
#include "stages/stage.h"

namespace millrace::stages {

// The options of one stage, source or port: key → value, as in the pipeline file (a key may repeat), after lint has
// checked the keys.
class Options {
 public:
  void Add(std::string key, std::string value) { values_.emplace(std::move(key), std::move(value)); }
  // The only, or the first, value; `otherwise` where there is none.
  std::string Get(std::string_view key, std::string_view otherwise = "") const;
  std::vector<std::string> All(std::string_view key) const;
  // InvalidArgument names key, value and what is expected.
  absl::StatusOr<int64_t> GetInt(std::string_view key, int64_t otherwise, int64_t min, int64_t max) const;
  absl::StatusOr<bool> GetBool(std::string_view key, bool otherwise) const;
  bool Has(std::string_view key) const { return values_.find(key) != values_.end(); }

 private:
  std::multimap<std::string, std::string, std::less<>> values_;
};

struct StageConfig {
  std::string name;      // of the stage in the pipeline
  std::string base_dir;  // what relative paths in options are relative to: the folder of the pipeline file
  std::string out_dir;   // where results go; empty where the command has none
  Options options;
  const Ports* ports = nullptr;
  const Clock* clock = nullptr;
};
using SourceConfig = StageConfig;
using PortConfig = StageConfig;

struct OptionSpec {
  std::string key;
  std::string summary;
  bool required = false;
  // The value is a path: relative to StageConfig::base_dir in the pipeline file, to the working folder on the command
  // line.
  bool path = false;
};

// Exactly one of make and make_batch.
struct StageKind {
  std::string kind;
  std::string summary;
  std::vector<OptionSpec> options = {};
  std::vector<std::string> outputs = {};  // names it emits to; the pipeline must wire each. Empty: any, or none
  std::vector<std::string> ports = {};    // names of ports it asks for; the pipeline must declare each
  bool sink = false;                      // writes receipts itself, in the transaction of its effect
  std::function<absl::StatusOr<std::unique_ptr<Stage>>(const StageConfig&)> make = nullptr;
  std::function<absl::StatusOr<std::unique_ptr<BatchStage>>(const StageConfig&)> make_batch = nullptr;
};

struct SourceKind {
  std::string kind;
  std::string summary;
  std::vector<OptionSpec> options = {};
  std::function<absl::StatusOr<std::unique_ptr<Source>>(const SourceConfig&)> make = nullptr;
};

struct PortKind {
  std::string kind;
  std::string summary;
  std::vector<OptionSpec> options = {};
  std::function<absl::StatusOr<std::unique_ptr<Port>>(const PortConfig&)> make = nullptr;
  // The port's stand-in in the simulator: one object for all processes of a run. Null: pipelines that use the port cannot be
  // simulated. The world outlives it.
  std::function<absl::StatusOr<std::unique_ptr<Port>>(const PortConfig&, PortWorld*)> make_simulated = nullptr;
};

class Registry {
 public:
  // AlreadyExists when the kind is taken; InvalidArgument when a factory is missing or both are given.
  absl::Status AddStage(StageKind kind);
  absl::Status AddSource(SourceKind kind);
  absl::Status AddPort(PortKind kind);

  // nullptr where there is none.
  const StageKind* FindStage(std::string_view kind) const;
  const SourceKind* FindSource(std::string_view kind) const;
  const PortKind* FindPort(std::string_view kind) const;

  // Sorted, for messages to people.
  std::vector<std::string> StageKinds() const;
  std::vector<std::string> SourceKinds() const;
  std::vector<std::string> PortKinds() const;

 private:
  std::map<std::string, StageKind, std::less<>> stages_;
  std::map<std::string, SourceKind, std::less<>> sources_;
  std::map<std::string, PortKind, std::less<>> ports_;
};

using Registrar = absl::Status (*)(Registry&);

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_REGISTRY_H_
