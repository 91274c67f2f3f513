#include "ops/inputs.h"

#include <filesystem>
#include <set>
#include <utility>

#include "stages/suggest.h"

namespace millrace::ops {
namespace {

const stages::OptionSpec* FindOption(const stages::Registry& registry, const stages::SourceSpec& source,
                                     const std::string& key) {
  const stages::SourceKind* kind = registry.FindSource(source.kind());
  if (kind == nullptr) return nullptr;
  for (const stages::OptionSpec& option : kind->options) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

struct Target {
  stages::SourceSpec* source = nullptr;
  const stages::OptionSpec* option = nullptr;
};

// The sources that KEY or SOURCE.KEY can mean.
std::vector<Target> Targets(const std::string& name, const stages::Registry& registry, stages::Pipeline* pipeline) {
  std::vector<Target> targets;
  for (stages::SourceSpec& source : *pipeline->mutable_source()) {
    const std::string prefix = source.name() + ".";
    if (name.compare(0, prefix.size(), prefix) == 0) {
      if (const auto* option = FindOption(registry, source, name.substr(prefix.size()))) return {{&source, option}};
    }
    if (const auto* option = FindOption(registry, source, name)) targets.push_back({&source, option});
  }
  return targets;
}

absl::Status Unknown(const std::string& input, const std::string& name, const stages::Registry& registry,
                     const stages::Pipeline& pipeline) {
  std::set<std::string> known;
  for (const stages::SourceSpec& source : pipeline.source()) {
    const stages::SourceKind* kind = registry.FindSource(source.kind());
    if (kind == nullptr) continue;
    for (const stages::OptionSpec& option : kind->options) known.insert(option.key);
  }
  return absl::InvalidArgumentError("--input " + input + ": no source has an option \"" + name + "\"; " +
                                    stages::Suggest(name, {known.begin(), known.end()}));
}

void Set(const Target& target, const std::string& value, bool first) {
  auto* options = target.source->mutable_option();
  if (first) {
    for (int i = options->size() - 1; i >= 0; --i) {
      if (options->Get(i).key() == target.option->key) options->DeleteSubrange(i, 1);
    }
  }
  if (value.empty()) return;
  stages::Option* option = options->Add();
  option->set_key(target.option->key);
  std::error_code error;  // then it stays as it is, and the source says what is wrong with it
  const std::filesystem::path absolute = std::filesystem::absolute(value, error);
  option->set_value(target.option->path && !error ? absolute.string() : value);
}

}  // namespace

absl::Status ApplyInputs(const std::vector<std::string>& inputs, const stages::Registry& registry,
                         stages::Pipeline* pipeline) {
  std::set<std::pair<const stages::SourceSpec*, std::string>> replaced;
  for (const std::string& input : inputs) {
    const size_t equals = input.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("--input " + input + " is not of the form KEY=VALUE or SOURCE.KEY=VALUE");
    }
    const std::string name = input.substr(0, equals);
    const std::vector<Target> targets = Targets(name, registry, pipeline);
    if (targets.empty()) return Unknown(input, name, registry, *pipeline);
    if (targets.size() > 1) {
      return absl::InvalidArgumentError("--input " + input + ": several sources have an option \"" + name +
                                        "\"; say which: " + targets[0].source->name() + "." + input + " or " +
                                        targets[1].source->name() + "." + input);
    }
    const bool first = replaced.insert({targets[0].source, targets[0].option->key}).second;
    Set(targets[0], input.substr(equals + 1), first);
  }
  return absl::OkStatus();
}

}  // namespace millrace::ops
