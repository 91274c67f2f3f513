// What is said about stages while a simulation goes on: before the promises that break because of it, each finding once.
//
//   StageWords words;
//   words.Add(hidden_state);                                   // found before anything ran
//   out << words.News(team.findings()) << words.Remarked(told.text);
//
// Threading: one thread; findings may be added meanwhile.
#ifndef MILLRACE_OPS_SIM_STAGE_WORDS_H_
#define MILLRACE_OPS_SIM_STAGE_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/guard/stage_finding.h"

namespace millrace::ops {

// With how many like it.
using CountedFinding = std::pair<sim::StageFinding, uint64_t>;

// The findings under the heading that these are about stages. Empty: none.
std::string StageFindingLines(std::span<const CountedFinding> findings);

class StageWords {
 public:
  void Add(const sim::StageFinding& finding) { waiting_.push_back(finding); }
  // What has not been said yet, under its heading.
  std::string News(const sim::StageFindings& findings);
  // A broken promise's story: behind its first line stands, where there are findings, that it may follow from them.
  std::string Remarked(const std::string& story) const;

 private:
  std::vector<sim::StageFinding> waiting_;
  size_t said_ = 0;  // of the team's
  std::set<std::string> stages_;
};

}  // namespace millrace::ops

#endif  // MILLRACE_OPS_SIM_STAGE_WORDS_H_
