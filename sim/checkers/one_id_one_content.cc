// One id, one content: what a stage makes of a message is the same whenever it is made.
//
// This is a finding about the user's stage, or about a new version of it in a rolling deployment: replays are recognised
// by id, so that one of the contents is taken for a repeat of the other.
#include <string>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"

namespace millrace::sim {
namespace {

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
  for (uint32_t message = 0; message < context.index.messages().size() && !findings.full(); ++message) {
    const uint32_t first = context.index.message(message).canonical;
    if (first != message) AddFinding(context, message, first, &findings);
  }
  return findings.Take();
}

}  // namespace

const Checker kOneIdOneContent = {.name = "one-id-one-content",
                                  .summary = "a stage makes the same outputs of a message whenever it is asked",
                                  .check = Check};

}  // namespace millrace::sim
