#include "ops/sim_stage_words.h"

#include "ops/text.h"

namespace millrace::ops {

std::string StageFindingLines(std::span<const CountedFinding> findings) {
  if (findings.empty()) return "";
  std::string text =
      "about your stages, and not about Millrace: a stage has to be a function of its message, as after a crash it is "
      "called again with the same one\n";
  for (const auto& [finding, count] : findings) {
    text += "  " + std::string(NameOf(finding.kind)) + ": " + finding.text +
            (count > 1 ? " [" + WithCommas(count) + " times]" : "") + "\n";
  }
  return text;
}

std::string StageWords::News(const sim::StageFindings& findings) {
  const std::vector<sim::StageFinding> all = findings.all();
  waiting_.insert(waiting_.end(), all.begin() + static_cast<ptrdiff_t>(said_), all.end());
  said_ = all.size();
  std::vector<CountedFinding> news;
  for (sim::StageFinding& finding : waiting_) {
    stages_.insert(finding.stage);
    news.emplace_back(std::move(finding), 1);
  }
  waiting_.clear();
  return StageFindingLines(news);
}

std::string StageWords::Remarked(const std::string& story) const {
  if (stages_.empty()) return story;
  std::string names;
  for (const std::string& stage : stages_) {
    if (!stage.empty()) names += (names.empty() ? " " : ", ") + stage;
  }
  const std::string remark = "this may follow from what is said above about your stage" +
                             std::string(stages_.size() > 1 ? "s" : "") + names + ": correct that first\n";
  const size_t line = story.find('\n');
  return line == std::string::npos ? story + "\n" + remark
                                   : story.substr(0, line + 1) + remark + story.substr(line + 1);
}

}  // namespace millrace::ops
