#include "stages/registry.h"

#include <charconv>
#include <utility>

namespace millrace::stages {
namespace {

template <typename Kind>
absl::Status AddKind(std::map<std::string, Kind, std::less<>>& kinds, const char* what, Kind kind) {
  const std::string name = kind.kind;
  if (name.empty()) return absl::InvalidArgumentError(std::string("a ") + what + " kind needs a name");
  if (!kinds.emplace(name, std::move(kind)).second) {
    return absl::AlreadyExistsError(std::string(what) + " kind \"" + name +
                                    "\" is registered twice; is the same registrar called twice?");
  }
  return absl::OkStatus();
}

template <typename Kind>
const Kind* FindKind(const std::map<std::string, Kind, std::less<>>& kinds, std::string_view kind) {
  auto it = kinds.find(kind);
  return it == kinds.end() ? nullptr : &it->second;
}

template <typename Kind>
std::vector<std::string> Names(const std::map<std::string, Kind, std::less<>>& kinds) {
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds) names.push_back(name);
  return names;
}

absl::Status NoFactory(const char* what, const std::string& kind) {
  return absl::InvalidArgumentError(std::string(what) + " kind \"" + kind + "\" has no factory");
}

}  // namespace

std::string Options::Get(std::string_view key, std::string_view otherwise) const {
  auto it = values_.lower_bound(key);
  return it == values_.end() || it->first != key ? std::string(otherwise) : it->second;
}

std::vector<std::string> Options::All(std::string_view key) const {
  std::vector<std::string> all;
  auto [first, last] = values_.equal_range(key);
  for (; first != last; ++first) all.push_back(first->second);
  return all;
}

absl::StatusOr<int64_t> Options::GetInt(std::string_view key, int64_t otherwise, int64_t min, int64_t max) const {
  if (!Has(key)) return otherwise;
  const std::string text = Get(key);
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return absl::InvalidArgumentError("option " + std::string(key) + " is \"" + text +
                                      "\"; it must be a whole number from " + std::to_string(min) + " to " +
                                      std::to_string(max));
  }
  return value;
}

absl::StatusOr<bool> Options::GetBool(std::string_view key, bool otherwise) const {
  if (!Has(key)) return otherwise;
  const std::string text = Get(key);
  if (text == "true") return true;
  if (text == "false") return false;
  return absl::InvalidArgumentError("option " + std::string(key) + " is \"" + text + "\"; it must be true or false");
}

absl::Status Registry::AddStage(StageKind kind) {
  if (!kind.make && !kind.make_batch) return NoFactory("stage", kind.kind);
  if (kind.make && kind.make_batch) {
    return absl::InvalidArgumentError("stage kind \"" + kind.kind + "\" has two factories; give make or make_batch");
  }
  return AddKind(stages_, "stage", std::move(kind));
}

absl::Status Registry::AddSource(SourceKind kind) {
  if (!kind.make) return NoFactory("source", kind.kind);
  return AddKind(sources_, "source", std::move(kind));
}

absl::Status Registry::AddPort(PortKind kind) {
  if (!kind.make) return NoFactory("port", kind.kind);
  return AddKind(ports_, "port", std::move(kind));
}

const StageKind* Registry::FindStage(std::string_view kind) const { return FindKind(stages_, kind); }
const SourceKind* Registry::FindSource(std::string_view kind) const { return FindKind(sources_, kind); }
const PortKind* Registry::FindPort(std::string_view kind) const { return FindKind(ports_, kind); }

std::vector<std::string> Registry::StageKinds() const { return Names(stages_); }
std::vector<std::string> Registry::SourceKinds() const { return Names(sources_); }
std::vector<std::string> Registry::PortKinds() const { return Names(ports_); }

}  // namespace millrace::stages
