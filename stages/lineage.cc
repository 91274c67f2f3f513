#include "stages/lineage.h"

#include <algorithm>
#include <charconv>
#include <span>

namespace millrace::stages {
namespace {

// One step of a path: the i-th of n.
struct Step {
  uint64_t index = 0;
  uint64_t count = 0;
};

bool ReadNumber(std::string_view text, uint64_t* value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && text[0] != '0';
}

// Takes the first step off `path`; false where it is malformed.
bool TakeStep(std::string_view* path, Step* step) {
  if (path->empty() || (*path)[0] != '.') return false;
  const size_t end = std::min(path->find('.', 1), path->size());
  const std::string_view text = path->substr(1, end - 1);
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return false;
  if (!ReadNumber(text.substr(0, slash), &step->index) || !ReadNumber(text.substr(slash + 1), &step->count))
    return false;
  path->remove_prefix(end);
  return step->index <= step->count && step->count > 1;
}

// Fan-outs one behind the other. Pipelines have no cycles, so a path is no longer than the pipeline; a header from
// outside may claim anything.
constexpr int kStepsMax = 1000;

bool WellFormed(std::string_view share) {
  Step step;
  for (int steps = 0; !share.empty(); ++steps) {
    if (steps == kStepsMax || !TakeStep(&share, &step)) return false;
  }
  return true;
}

struct Branch {
  Step step;
  std::string_view rest;
};

// Whether the paths, all below one node and relative to it, cover that node. One level of recursion for each level of
// fan-out.
bool Covers(std::span<const std::string_view> paths) {
  std::vector<Branch> branches;
  branches.reserve(paths.size());
  for (std::string_view path : paths) {
    if (path.empty()) return true;  // terminal itself
    Branch branch;
    TakeStep(&path, &branch.step);
    branch.rest = path;
    branches.push_back(branch);
  }
  if (branches.empty()) return false;
  const uint64_t count = branches[0].step.count;
  if (count > branches.size()) return false;
  std::stable_sort(branches.begin(), branches.end(),
                   [](const Branch& a, const Branch& b) { return a.step.index < b.step.index; });
  std::vector<std::string_view> below;
  uint64_t child = 1;
  for (size_t i = 0; i < branches.size(); ++child) {
    below.clear();
    for (; i < branches.size() && branches[i].step.index == child; ++i) {
      if (branches[i].step.count != count) return false;
      below.push_back(branches[i].rest);
    }
    if (!Covers(below)) return false;
  }
  return child == count + 1;
}

}  // namespace

std::string ChildShare(std::string_view parent, size_t index, size_t count) {
  std::string share(parent);
  if (count > 1) share += "." + std::to_string(index + 1) + "/" + std::to_string(count);
  return share;
}

bool CoversWhole(std::vector<std::string_view> shares) {
  std::erase_if(shares, [](std::string_view share) { return !WellFormed(share); });
  return Covers(shares);
}

}  // namespace millrace::stages
