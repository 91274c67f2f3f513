// The checks that the faces of buses make, for the harnesses that use a model without a face.
#ifndef MILLRACE_TESTS_CONFORMANCE_MODEL_OPTIONS_H_
#define MILLRACE_TESTS_CONFORMANCE_MODEL_OPTIONS_H_

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/bus.h"

namespace millrace::conformance {

using Specs = std::map<std::string, bus::TopicSpec>;

inline absl::Status CheckTopics(const Specs& specs, const std::vector<std::string>& topics) {
  if (topics.empty()) return absl::InvalidArgumentError("topics is empty");
  for (const std::string& topic : topics) {
    if (specs.count(topic) == 0) return absl::NotFoundError("no topic \"" + topic + "\"");
    if (std::count(topics.begin(), topics.end(), topic) > 1) {
      return absl::InvalidArgumentError("topics names \"" + topic + "\" twice");
    }
  }
  return absl::OkStatus();
}

inline absl::Status CheckGroup(const Specs& specs, const std::string& group, const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    const std::vector<std::string>& groups = specs.at(topic).groups;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
      return absl::NotFoundError("topic \"" + topic + "\" has no group \"" + group + "\"");
    }
  }
  return absl::OkStatus();
}

inline absl::Status CheckConsumer(const Specs& specs, const bus::ConsumerOptions& options) {
  if (options.group.empty()) return absl::InvalidArgumentError("group is empty");
  if (options.batch_max == 0) return absl::InvalidArgumentError("batch_max is 0");
  if (absl::Status s = CheckTopics(specs, options.topics); !s.ok()) return s;
  return CheckGroup(specs, options.group, options.topics);
}

// What was applied before stays known: a second Apply adds groups.
inline void Remember(Specs& specs, const bus::Topology& topology) {
  for (const bus::TopicSpec& spec : topology.topics) {
    const std::vector<std::string> before = specs[spec.name].groups;
    bus::TopicSpec& known = specs[spec.name] = spec;
    for (const std::string& group : before) {
      if (std::count(known.groups.begin(), known.groups.end(), group) == 0) known.groups.push_back(group);
    }
  }
}

}  // namespace millrace::conformance

#endif  // MILLRACE_TESTS_CONFORMANCE_MODEL_OPTIONS_H_
