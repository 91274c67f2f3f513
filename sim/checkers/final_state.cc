// What is left at the end is what the same plan leaves without faults, key by key.
//
// Some jobs are excused (sim/checkers/struck.h): those that became dead letters because a fault made a stage fail at them,
// and those that were destroyed and announced. The run without faults is given without them; and what they left behind
// before they ended (keys of their messages, what is named after them or their ids) is not compared.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sim/checkers/checkers.h"
#include "sim/checkers/findings.h"
#include "sim/checkers/struck.h"

namespace millrace::sim {
namespace {

// Sorted.
std::vector<std::string> TouchedKeys(const CheckContext& context) {
  // Dead letters of jobs that came to their end all the same are there too.
  std::vector<uint8_t> excused = ExcusedJobs(context);
  const std::vector<uint8_t> made_to_fail = JobsMadeToFail(context);
  for (size_t job = 0; job < excused.size(); ++job) excused[job] |= made_to_fail[job];
  std::vector<std::string> keys;
  if (std::find(excused.begin(), excused.end(), 1) == excused.end()) return keys;
  for (size_t job = 0; job < excused.size(); ++job) {
    if (excused[job] != 0) keys.push_back(context.history.jobs[job].name);
  }
  for (const MessageInfo& info : context.history.messages) {
    if (info.job >= excused.size() || excused[info.job] == 0) continue;
    if (info.key < context.history.keys.size()) keys.push_back(context.history.keys[info.key]);
    char hex[32];
    bus::WriteHex(info.id, hex);
    keys.emplace_back(hex, sizeof(hex));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::string Shown(const std::string& state) { return state.size() <= 200 ? state : state.substr(0, 200) + "…"; }

class Comparison {
 public:
  explicit Comparison(const CheckContext& context)
      : context_(context), findings_(context, kFinalState.name), touched_(TouchedKeys(context)) {}

  CheckResult Run() {
    const auto& here = context_.history.final_state;
    const auto& there = context_.faultless->final_state;
    const auto before = [](const SinkEntry& a, const SinkEntry& b) {
      return a.place != b.place ? a.place < b.place : a.key < b.key;
    };
    size_t i = 0, j = 0;
    while ((i < here.size() || j < there.size()) && !findings_.full()) {
      if (j == there.size() || (i < here.size() && before(here[i], there[j]))) {
        Differ(here[i], &here[i], nullptr);
        ++i;
      } else if (i == here.size() || before(there[j], here[i])) {
        Differ(there[j], nullptr, &there[j]);
        ++j;
      } else {
        if (here[i].state != there[j].state) Differ(here[i], &here[i], &there[j]);
        ++i;
        ++j;
      }
    }
    return findings_.Take();
  }

 private:
  void Differ(const SinkEntry& entry, const SinkEntry* here, const SinkEntry* there) {
    if (std::binary_search(touched_.begin(), touched_.end(), entry.key)) return;
    // Ports may say what it is before they say whose: "listing KEY".
    const size_t space = entry.key.find(' ');
    if (space != std::string::npos && std::binary_search(touched_.begin(), touched_.end(), entry.key.substr(space + 1)))
      return;
    const char* signature = here == nullptr ? "missing" : there == nullptr ? "unexpected" : "different";
    const std::string name = entry.place + " key '" + entry.key + "'";
    // Where no fault has fired it is compared with what the stages alone would leave.
    const std::string without = context_.index.Has(Kind::kFault) ? ": without faults " : ": by the stages alone ";
    const std::string text = name + (here == nullptr ? " is missing" : " is " + Shown(here->state)) + without +
                             (there == nullptr ? "there is none" : "it is " + Shown(there->state));
    uint32_t job = kNoJob, message = kNoMessage;
    std::vector<uint32_t> evidence = Look(entry.key, &job, &message);
    findings_.Add(signature, text, job, message, std::move(evidence));
  }

  // Messages of that key, or under that name: where they were appended, and took effect.
  std::vector<uint32_t> Look(std::string_view key, uint32_t* job, uint32_t* message) const {
    const History& history = context_.history;
    std::vector<uint32_t> evidence;
    const auto mine = [&](const MessageFacts& facts) {
      return (facts.key < history.keys.size() && history.keys[facts.key] == key) ||
             (facts.job != kNoJob && history.jobs[facts.job].name == key);
    };
    for (uint32_t m = 0; m < context_.index.messages().size() && evidence.size() < 16; ++m) {
      const MessageFacts& facts = context_.index.message(m);
      if (!mine(facts)) continue;
      if (*message == kNoMessage) {
        *message = m;
        *job = facts.job;
      }
      evidence.push_back(facts.first_append);
      for (const PairFacts& pair : context_.index.PairsOf(m)) evidence.push_back(pair.first_effect);
    }
    return evidence;
  }

  const CheckContext& context_;
  Findings findings_;
  const std::vector<std::string> touched_;
};

CheckResult Check(const CheckContext& context) {
  if (!context.index.quiet()) return NotCheckable("the run did not come to rest, so that nothing is final");
  return Comparison(context).Run();
}

constexpr Excuse kExcuses[] = {{.concerns = MakesFail, .why = "the keys of jobs that became dead letters by it"}};

}  // namespace

const Checker kFinalState = {.name = "final-state",
                             .summary = "what is left at the end is what the same plan leaves without faults",
                             .check = Check,
                             .needs_faultless = true,
                             .excuses = kExcuses};

}  // namespace millrace::sim
