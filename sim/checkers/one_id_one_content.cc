// One id, one content: what a stage makes of a message is the same whenever it is made.
//
// This is a finding about the user's stage, or about a new version of it in a rolling deployment: replays are recognised
// by id, so that one of the contents is taken for a repeat of the other. Where a next version was at work, it may make something
// else of a message than this one, and so may the stages behind it of what comes of that: there, what counts is that one version
// makes the same of the same message.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

// Who made outputs of what.
class Makers {
 public:
  explicit Makers(const HistoryIndex& index) : index_(index) {
    for (uint32_t at : index.Of(Kind::kStart)) {
      const Record& record = index.records()[at];
      if (record.value != 0) next_.emplace_back(record.process, record.incarnation);
    }
    std::sort(next_.begin(), next_.end());
  }
  bool one_version() const { return next_.empty(); }
  // Whether one version has made both contents of one message.
  bool Shared(uint32_t first, uint32_t second) {
    if (made_.empty()) Read();
    const std::vector<Maker>&a = made_[first], &b = made_[second];
    return std::any_of(a.begin(), a.end(),
                       [&](const Maker& maker) { return std::find(b.begin(), b.end(), maker) != b.end(); });
  }

 private:
  using Maker = std::pair<bool, uint32_t>;  // in the next version, of that input

  void Read() {
    for (uint32_t at : index_.Of(Kind::kOutput)) {
      const Record& record = index_.records()[at];
      const bool next = std::binary_search(next_.begin(), next_.end(), std::pair(record.process, record.incarnation));
      made_[record.message].emplace_back(next, static_cast<uint32_t>(record.value));
    }
  }

  const HistoryIndex& index_;
  std::vector<std::pair<uint16_t, uint16_t>> next_;  // incarnations
  std::map<uint32_t, std::vector<Maker>> made_;      // by message
};

void AddFinding(const CheckContext& context, uint32_t message, uint32_t first, Findings* findings) {
  const HistoryIndex& index = context.index;
  const History& history = context.history;
  const auto made = [&](uint32_t m) {
    const uint32_t output = index.message(m).first_output;
    return output != kNever ? output : index.message(m).first_append;
  };
  const uint16_t stage = history.messages[message].stage;
  std::string text;
  if (stage == kNoStage) {
    text = "two inputs have one id and two contents: " + MessageName(history, message);
  } else {
    text = StageName(history, stage) + " is not deterministic, or there are two versions of it: it made " +
           MessageName(history, message) + " with another content than before";
    const uint32_t output = index.message(message).first_output;
    if (output != kNever) {
      const Record& record = index.records()[output];
      text += ", of " + MessageName(history, static_cast<uint32_t>(record.value)) + " (output " +
              std::to_string(record.attempt) + ")";
    }
  }
  findings->Add(stage == kNoStage ? "two inputs with one id" : "stage not deterministic", text, kNoJob, message,
                {made(first), made(message)});
}

CheckResult Check(const CheckContext& context) {
  Findings findings(context, kOneIdOneContent.name);
  Makers makers(context.index);
  std::map<uint32_t, std::vector<uint32_t>> contents;  // by the first
  for (uint32_t message = 0; message < context.index.messages().size() && !findings.full(); ++message) {
    const uint32_t first = context.index.message(message).canonical;
    if (first == message) continue;
    std::vector<uint32_t>& before = contents[first];
    if (before.empty()) before.push_back(first);
    const bool of_stage = context.history.messages[message].stage != kNoStage;
    const auto like =
        of_stage && !makers.one_version()
            ? std::find_if(before.begin(), before.end(), [&](uint32_t other) { return makers.Shared(other, message); })
            : before.begin();
    if (like != before.end()) AddFinding(context, message, *like, &findings);
    before.push_back(message);
  }
  return findings.Take();
}

constexpr Excuse kExcuses[] = {
    {.concerns = BringsNextVersion,
     .why = "two contents of which this version made one and the next the other, and what came of the two"}};

}  // namespace

const Checker kOneIdOneContent = {.name = "one-id-one-content",
                                  .summary = "a stage makes the same outputs of a message whenever it is asked",
                                  .check = Check,
                                  .excuses = kExcuses};

}  // namespace millrace::sim
