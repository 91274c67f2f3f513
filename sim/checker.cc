#include "sim/checker.h"

#include <algorithm>
#include <memory>

namespace millrace::sim {
namespace {

CheckResult Run(const Checker& checker, const CheckContext& context, const CheckInput& input) {
  for (const Suspension& suspension : input.suspensions) {
    if (suspension.promise == checker.name) {
      return {.verdict = Verdict::kNotCheckable, .findings = {}, .why = std::string(suspension.why)};
    }
  }
  if (checker.needs_faultless && context.faultless == nullptr) {
    return {.verdict = Verdict::kNotCheckable, .findings = {}, .why = std::string(input.why_not)};
  }
  return checker.check(context);
}

struct WithIndex {
  explicit WithIndex(const CheckInput& input)
      : own(input.index == nullptr ? std::make_unique<HistoryIndex>(input.history) : nullptr),
        context{.plan = input.plan,
                .history = input.history,
                .index = input.index == nullptr ? *own : *input.index,
                .faultless = input.faultless} {}
  const std::unique_ptr<HistoryIndex> own;
  const CheckContext context;
};

}  // namespace

const Checker* FindChecker(std::string_view name) {
  const auto all = AllCheckers();
  const auto it = std::find_if(all.begin(), all.end(), [name](const Checker* c) { return c->name == name; });
  return it == all.end() ? nullptr : *it;
}

bool Verdicts::failed() const { return first() != nullptr; }

const Finding* Verdicts::first() const {
  for (const CheckResult& result : results) {
    if (result.verdict == Verdict::kFail && !result.findings.empty()) return &result.findings.front();
  }
  return nullptr;
}

Verdicts CheckAll(const CheckInput& input) {
  const WithIndex context(input);
  Verdicts verdicts;
  verdicts.results.reserve(AllCheckers().size());
  for (const Checker* checker : AllCheckers()) verdicts.results.push_back(Run(*checker, context.context, input));
  return verdicts;
}

CheckResult CheckOne(const Checker& checker, const CheckInput& input) {
  return Run(checker, WithIndex(input).context, input);
}

}  // namespace millrace::sim
