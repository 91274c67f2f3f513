#include "ops/sim_coverage.h"

#include <cstdint>

#include "ops/text.h"
#include "sim/plan_names.h"

namespace millrace::ops {
namespace {

// "crash at settle, pause at flow, …"
class SomeCells {
 public:
  void Add(const sim::CoverageRow& row, const std::string& more = "") {
    if (++count_ > kSaidMost) return;
    text_ +=
        (text_.empty() ? "" : ", ") + std::string(row.fault) + " at " + std::string(sim::NameOf(row.action)) + more;
  }
  uint64_t count() const { return count_; }
  std::string text() const { return text_ + (count_ > kSaidMost ? ", …" : ""); }

 private:
  static constexpr uint64_t kSaidMost = 5;
  uint64_t count_ = 0;
  std::string text_;
};

}  // namespace

std::vector<std::string> CoverageFindings(const std::vector<sim::CoverageRow>& rows, const std::string& cut_short) {
  SomeCells unhit, contradicted;
  for (const sim::CoverageRow& row : rows) {
    if (row.hits == 0 && row.possible()) unhit.Add(row);
    if (row.hits > 0 && !row.impossible.empty()) contradicted.Add(row, " (" + row.impossible + ")");
  }
  std::vector<std::string> findings;
  if (unhit.count() > 0) {
    const std::string what = WithCommas(unhit.count()) + " combinations of a fault and an action were not hit, ";
    findings.push_back(cut_short.empty() ? what + "although nothing is known against it: " + unhit.text() +
                                               "; give more --seeds or --jobs, or inputs that make the pipeline do that"
                                         : what + "and not all were aimed at, as " + cut_short + ": " + unhit.text() +
                                               "; give it more time");
  }
  if (contradicted.count() > 0) {
    findings.push_back(WithCommas(contradicted.count()) +
                       " combinations of a fault and an action were hit, although they are listed as impossible: " +
                       contradicted.text() + "; the list is wrong (sim/coverage.cc)");
  }
  return findings;
}

}  // namespace millrace::ops
