// What the parts of the check share (stages/lint.h). Each part is one function over a LintContext.
#ifndef MILLRACE_STAGES_LINT_CONTEXT_H_
#define MILLRACE_STAGES_LINT_CONTEXT_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/capabilities.h"
#include "stages/pipeline_file.h"
#include "stages/registry.h"

namespace millrace::stages {

inline std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

class LintContext {
 public:
  LintContext(const PipelineFile& file, const Registry& registry, const bus::Capabilities* backend, std::string bus);

  void Error(int line, std::string text) { Add(line, Problem::kError, std::move(text)); }
  void Warning(int line, std::string text) { Add(line, Problem::kWarning, std::move(text)); }

  const Pipeline& pipeline() const { return file_.pipeline(); }
  Node root() const { return file_.Root(); }
  const Registry& registry() const { return registry_; }
  const bus::Capabilities* backend() const { return backend_; }  // nullptr: unknown
  const std::string& bus() const { return bus_; }

  // The first topic of that name; -1 where there is none.
  int TopicIndex(std::string_view name) const;
  const Topic* FindTopic(std::string_view name) const;
  int32_t PartitionsOf(std::string_view topic) const;
  std::vector<std::string> TopicNames() const;

  // Whether `topic`, named by `user` at `line`, exists; says so if not.
  bool RequireTopic(int line, const std::string& user, const std::string& topic);
  // A number that is written down must lie in min … max.
  void RequireRange(const Node& node, std::string_view field, int64_t value, int64_t min, int64_t max,
                    const std::string& user);

  std::vector<Problem> Take() { return std::move(problems_); }

 private:
  void Add(int line, Problem::Severity severity, std::string text) {
    problems_.push_back({file_.name(), line, severity, std::move(text)});
  }

  const PipelineFile& file_;
  const Registry& registry_;
  const bus::Capabilities* backend_;
  std::string bus_;
  std::map<std::string, int, std::less<>> topics_;
  std::vector<Problem> problems_;
};

// stages/lint_stages.cc: each stage by itself.
void LintStages(LintContext& lint);
// stages/lint_graph.cc: who reads and writes what.
void LintGraph(LintContext& lint);

// One option's key is known; all required keys are given.
void LintOptionKey(LintContext& lint, int line, const std::string& key, const std::vector<OptionSpec>& known,
                   const std::string& user);
void LintRequiredOptions(LintContext& lint, int line, const std::vector<std::string>& given,
                         const std::vector<OptionSpec>& known, const std::string& user);

// The options of a source, stage or port, against what its kind knows.
template <typename Spec>
void LintOptionKeys(LintContext& lint, const Node& node, const Spec& spec, const std::vector<OptionSpec>& known,
                    const std::string& user) {
  std::vector<std::string> given;
  for (int i = 0; i < spec.option_size(); ++i) {
    LintOptionKey(lint, node.LineOf("option", i), spec.option(i).key(), known, user);
    given.push_back(spec.option(i).key());
  }
  LintRequiredOptions(lint, node.line(), given, known, user);
}

}  // namespace millrace::stages

#endif  // MILLRACE_STAGES_LINT_CONTEXT_H_
