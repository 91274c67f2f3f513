// Each stage by itself: its kind and options, how it is wired, its numbers, and what it needs of the backend.
#include <algorithm>
#include <map>
#include <set>

#include "stages/lint_context.h"
#include "stages/pipeline_config.h"
#include "stages/suggest.h"

namespace millrace::stages {
namespace {

constexpr int64_t kThreadsMax = 1024;
constexpr int64_t kWindowMessagesMax = 1 << 20;
constexpr int64_t kBatchMax = 1 << 16;

class StageLint {
 public:
  StageLint(LintContext& lint, const StageSpec& stage, const Node& node)
      : lint_(lint),
        stage_(stage),
        node_(node),
        user_("stage " + Quoted(stage.name())),
        kind_(lint.registry().FindStage(stage.kind())) {}

  void Run() {
    Kind();
    Wiring();
    Outputs();
    DeadLetter();
    Numbers();
    Retries();
    Execution();
    Backend();
  }

 private:
  void Kind() {
    const std::vector<std::string> known = lint_.registry().StageKinds();
    if (stage_.kind().empty()) {
      lint_.Error(node_.line(), user_ + " has no kind; " + Suggest("", known));
    } else if (kind_ == nullptr) {
      lint_.Error(node_.LineOf("kind"),
                  "there is no stage kind " + Quoted(stage_.kind()) + "; " + Suggest(stage_.kind(), known));
    } else {
      LintOptionKeys(lint_, node_, stage_, kind_->options, user_);
      for (const std::string& port : kind_->ports) RequirePort(port);
    }
  }

  void RequirePort(const std::string& port) {
    std::vector<std::string> names;
    for (const PortSpec& spec : lint_.pipeline().port()) names.push_back(spec.name());
    if (std::find(names.begin(), names.end(), port) != names.end()) return;
    lint_.Error(node_.line(), user_ + " asks for a port named " + Quoted(port) +
                                  ", which is not there; add port { name: " + Quoted(port) + " kind: \"…\" }");
  }

  void Wiring() {
    if (stage_.input().empty()) {
      lint_.Error(node_.line(), user_ + " has no input; add input: \"<topic>\"");
      return;
    }
    const int line = node_.LineOf("input");
    if (!lint_.RequireTopic(line, user_, stage_.input())) return;
    if (lint_.FindTopic(stage_.input())->dead_letter()) {
      lint_.Error(line, user_ + " reads the dead letters in " + Quoted(stage_.input()) +
                            "; a dead letter ends its job: send what another stage is to handle to an ordinary topic");
    }
    if (stage_.input() == lint_.pipeline().receipts()) {
      lint_.Error(line, user_ + " reads the receipts in " + Quoted(stage_.input()) +
                            "; a receipt ends its job: send what another stage is to handle to an ordinary topic");
    }
    const int64_t partitions = lint_.PartitionsOf(stage_.input());
    if (stage_.instances() > partitions && stage_.instances() <= kThreadsMax) {
      lint_.Warning(node_.LineOf("instances"),
                    user_ + " has " + std::to_string(stage_.instances()) + " instances for the " +
                        std::to_string(partitions) + (partitions == 1 ? " partition of " : " partitions of ") +
                        Quoted(stage_.input()) + ": " + std::to_string(stage_.instances() - partitions) +
                        " will idle; give the topic more partitions or the stage fewer instances");
    }
  }

  // The name under which an output is known: its own, or that of the only one the kind emits to.
  std::string OutputName(int index) const {
    const std::string& name = stage_.output(index).name();
    return name.empty() && kind_ != nullptr && kind_->outputs.size() == 1 && stage_.output_size() == 1
               ? kind_->outputs[0]
               : name;
  }

  void Outputs() {
    std::set<std::string> wired;
    for (int i = 0; i < stage_.output_size(); ++i) {
      const Node output = node_.Child("output", i);
      OutputTopic(output, stage_.output(i).topic());
      const std::string name = OutputName(i);
      if (name.empty() && stage_.output_size() > 1) {
        lint_.Error(output.line(),
                    user_ + " has several outputs, and this one has no name; add name: \"…\" as the stage calls it" +
                        (kind_ == nullptr ? "" : " (" + Suggest("", kind_->outputs) + ")"));
      } else if (!wired.insert(name).second) {
        lint_.Error(output.LineOf("name"), user_ + " wires the output " + Quoted(name) + " twice; remove one");
      } else if (kind_ != nullptr && !kind_->outputs.empty() && !name.empty() &&
                 std::find(kind_->outputs.begin(), kind_->outputs.end(), name) == kind_->outputs.end()) {
        lint_.Error(output.LineOf("name"), "a stage of kind " + Quoted(stage_.kind()) + " has no output " +
                                               Quoted(name) + "; " + Suggest(name, kind_->outputs));
      }
    }
    if (kind_ == nullptr) return;
    for (const std::string& name : kind_->outputs) {
      if (wired.count(name)) continue;
      lint_.Error(node_.line(), user_ + " emits to " + Quoted(name) +
                                    ", which is wired to no topic; add output { name: " + Quoted(name) +
                                    " topic: \"…\" }");
    }
  }

  void OutputTopic(const Node& output, const std::string& topic) {
    if (topic.empty()) {
      lint_.Error(output.line(), user_ + " has an output without a topic; add topic: \"…\"");
    } else if (lint_.RequireTopic(output.LineOf("topic"), user_, topic)) {
      const bool dead = lint_.FindTopic(topic)->dead_letter();
      if (dead || topic == lint_.pipeline().receipts()) {
        lint_.Error(output.LineOf("topic"), user_ + " emits to " + Quoted(topic) + ", which is for " +
                                                (dead ? "dead letters" : "receipts") +
                                                " and ends jobs in the ledger; name an ordinary topic");
      }
    }
  }

  void DeadLetter() {
    if (stage_.dead_letter().empty()) {
      std::vector<std::string> marked;
      for (const Topic& topic : lint_.pipeline().topic()) {
        if (topic.dead_letter()) marked.push_back(topic.name());
      }
      const std::string which =
          marked.empty() ? "\"dead\" and topic { name: \"dead\" dead_letter: true }" : Quoted(marked[0]);
      lint_.Error(node_.line(), user_ + " has no topic for what it cannot process; add dead_letter: " + which);
      return;
    }
    const int line = node_.LineOf("dead_letter");
    if (!lint_.RequireTopic(line, user_, stage_.dead_letter())) return;
    if (!lint_.FindTopic(stage_.dead_letter())->dead_letter()) {
      lint_.Error(line,
                  user_ + " sends dead letters to " + Quoted(stage_.dead_letter()) +
                      ", which is not marked for them; add dead_letter: true to that topic, or name one that has it");
    }
  }

  void Numbers() {
    lint_.RequireRange(node_, "instances", stage_.instances(), 1, kThreadsMax, user_);
    lint_.RequireRange(node_, "concurrency", stage_.concurrency(), 1, kThreadsMax, user_);
    lint_.RequireRange(node_, "batch", stage_.batch(), 1, kBatchMax, user_);
    lint_.RequireRange(node_, "attempt_timeout_ms", stage_.attempt_timeout_ms(), 0, INT64_MAX, user_);
    lint_.RequireRange(node_, "timeout_grace_ms", stage_.timeout_grace_ms(), 1, INT64_MAX, user_);
    const Node window = node_.Child("window");
    lint_.RequireRange(window, "messages", stage_.window().messages(), 1, kWindowMessagesMax, user_ + ", window");
    lint_.RequireRange(window, "bytes", stage_.window().bytes(), 1, INT64_MAX, user_ + ", window");
    const StageSettings defaults;
    const int32_t messages = stage_.window().messages() > 0 ? stage_.window().messages() : defaults.window_messages;
    const int32_t batch = stage_.batch() > 0 ? stage_.batch() : defaults.batch;
    if (batch > messages) {
      lint_.Error(node_.Has("batch") ? node_.LineOf("batch") : window.LineOf("messages"),
                  user_ + ": a batch of " + std::to_string(batch) + " does not fit into a window of " +
                      std::to_string(messages) + " messages; make window.messages larger or batch smaller");
    }
  }

  void Retries() {
    const Retry& retry = stage_.retry();
    const Node node = node_.Child("retry");
    const std::string user = user_ + ", retry";
    lint_.RequireRange(node, "attempts_max", retry.attempts_max(), 1, 1'000'000, user);
    lint_.RequireRange(node, "backoff_ms_initial", retry.backoff_ms_initial(), 1, INT64_MAX, user);
    lint_.RequireRange(node, "backoff_ms_max", retry.backoff_ms_max(), 1, INT64_MAX, user);
    lint_.RequireRange(node, "multiplier", retry.multiplier(), 1, 1000, user);
    lint_.RequireRange(node, "suspect_after_starts", retry.suspect_after_starts(), 1, 1'000'000, user);
    lint_.RequireRange(node, "deaths_max", retry.deaths_max(), 1, 1'000'000, user);
    const RetrySettings defaults;
    const int64_t initial =
        retry.backoff_ms_initial() > 0 ? retry.backoff_ms_initial() : defaults.backoff_initial.count() / 1'000'000;
    const int64_t max = retry.backoff_ms_max() > 0 ? retry.backoff_ms_max() : defaults.backoff_max.count() / 1'000'000;
    if (initial > max) {
      lint_.Error(node.Has("backoff_ms_initial") ? node.LineOf("backoff_ms_initial") : node.LineOf("backoff_ms_max"),
                  user + ": the first back-off of " + std::to_string(initial) + " ms is longer than the longest, " +
                      std::to_string(max) + " ms; make backoff_ms_initial smaller or backoff_ms_max larger");
    }
  }

  void Execution() {
    const bool timed = stage_.attempt_timeout_ms() > 0;
    if (stage_.execution() == StageSpec::INLINE) {
      if (timed) {
        lint_.Error(node_.LineOf("attempt_timeout_ms"),
                    user_ + " is INLINE and has a time-out, which nobody is there to watch; remove one of the two");
      }
      if (stage_.concurrency() > 1) {
        lint_.Error(node_.LineOf("concurrency"),
                    user_ + " is INLINE, so it has one thread; remove concurrency, or use instances");
      }
    }
    if (!timed && node_.Has("timeout_grace_ms")) {
      lint_.Warning(node_.LineOf("timeout_grace_ms"),
                    user_ + " has a grace but no time-out; add attempt_timeout_ms, or remove it");
    }
    const Topic* input = lint_.FindTopic(stage_.input());
    if (input == nullptr || !input->unordered()) return;
    if (stage_.after_dead_letter() == StageSpec::PARK_KEY) {
      lint_.Error(node_.LineOf("after_dead_letter"),
                  user_ + " parks keys, but " + Quoted(stage_.input()) +
                      " is unordered: its keys mean nothing; use CONTINUE or an ordered topic");
    }
    if (stage_.ordering() == StageSpec::STRICT) {
      lint_.Warning(node_.LineOf("ordering"), user_ + " is STRICT, but " + Quoted(stage_.input()) +
                                                  " is unordered: that costs speed for nothing; remove ordering");
    }
  }

  void Backend() {
    const bus::Capabilities* backend = lint_.backend();
    if (backend == nullptr) return;
    if (stage_.delivery() == StageSpec::EXACTLY_ONCE && !backend->transactions) {
      const std::string& why = backend->no_transactions;
      lint_.Error(node_.LineOf("delivery"), user_ + " needs transactions for EXACTLY_ONCE, which " + lint_.bus() +
                                                " has not" + (why.empty() ? "" : ": " + why) +
                                                "; use AT_LEAST_ONCE (replays carry the same ids), or another bus");
    } else if (stage_.delivery() == StageSpec::EXACTLY_ONCE && kind_ != nullptr && kind_->sink) {
      lint_.Warning(node_.LineOf("delivery"),
                    user_ +
                        " is a sink: EXACTLY_ONCE is said of what it puts on the bus, not of what it stores; remove "
                        "delivery (its receipts, written with the effect, tell repeats apart)");
    }
    RetryTime(*backend);
    if (stage_.after_dead_letter() == StageSpec::PARK_KEY && !backend->notes) {
      lint_.Error(node_.LineOf("after_dead_letter"),
                  user_ + " parks keys, which " + lint_.bus() + " cannot remember; use CONTINUE, or another bus");
    }
  }

  // A message that waits for its next attempt is not settled: the broker must let it be for as long as all of them take.
  void RetryTime(const bus::Capabilities& backend) {
    if (backend.unsettled_max == Duration(0)) return;
    const Retry& retry = stage_.retry();
    const RetrySettings defaults;
    const auto given = [](int64_t value, int64_t otherwise) { return value > 0 ? value : otherwise; };
    const int64_t attempts = given(retry.attempts_max(), defaults.attempts_max);
    const int64_t multiplier = given(retry.multiplier(), defaults.multiplier);
    const double most_ms = static_cast<double>(given(retry.backoff_ms_max(), defaults.backoff_max.count() / 1'000'000));
    auto delay_ms =
        static_cast<double>(given(retry.backoff_ms_initial(), defaults.backoff_initial.count() / 1'000'000));
    double pauses_ms = 0;
    int64_t pauses = attempts - 1;
    for (; pauses > 0 && multiplier > 1 && delay_ms < most_ms; --pauses) {
      pauses_ms += delay_ms;
      delay_ms *= static_cast<double>(multiplier);
    }
    pauses_ms += static_cast<double>(std::max<int64_t>(pauses, 0)) * std::min(delay_ms, most_ms);
    const double attempt_ms = static_cast<double>(std::max<int64_t>(stage_.attempt_timeout_ms(), 0));
    const double limit_ms = static_cast<double>(backend.unsettled_max.count()) / 1e6;
    if (static_cast<double>(attempts) * attempt_ms + pauses_ms <= limit_ms) return;
    const auto seconds = [](double ms) { return std::to_string(static_cast<int64_t>(ms / 1000)) + " s"; };
    const Node node = node_.Child("retry");
    int line = node_.line();
    for (const auto& [where, field] : {std::pair{&node, "attempts_max"},
                                       {&node, "backoff_ms_max"},
                                       {&node, "backoff_ms_initial"},
                                       {&node_, "attempt_timeout_ms"}}) {
      if (!where->Has(field)) continue;
      line = where->LineOf(field);
      break;
    }
    lint_.Warning(line,
                  user_ + " can take " + seconds(static_cast<double>(attempts) * attempt_ms + pauses_ms) +
                      " for one message (" + std::to_string(attempts) + " attempts" +
                      (attempt_ms > 0 ? " of " + seconds(attempt_ms) : "") + ", " + seconds(pauses_ms) +
                      " of back-off between them), and " + backend.backend + " takes back what is unsettled for " +
                      seconds(limit_ms) +
                      ", with all that its consumer holds; make retry or attempt_timeout_ms smaller, or raise the "
                      "server's consumer_timeout and say it: bus_option { key: \"consumer_timeout\" value: "
                      "\"SECONDS\" }");
  }

  LintContext& lint_;
  const StageSpec& stage_;
  const Node node_;
  const std::string user_;
  const StageKind* kind_;
};

}  // namespace

void LintStages(LintContext& lint) {
  const Pipeline& pipeline = lint.pipeline();
  if (pipeline.stage().empty()) {
    lint.Error(1, "the pipeline has no stage; add stage { name: \"…\" kind: \"…\" input: \"…\" dead_letter: \"…\" }");
  }
  std::map<std::string, std::string> groups = {{pipeline.name() + ".ledger", "the ledger"}};
  for (int i = 0; i < pipeline.stage_size(); ++i) {
    const StageSpec& stage = pipeline.stage(i);
    const Node node = lint.root().Child("stage", i);
    StageLint(lint, stage, node).Run();
    const std::string group = stage.group().empty() ? pipeline.name() + "." + stage.name() : stage.group();
    auto [it, added] = groups.emplace(group, "stage " + Quoted(stage.name()));
    if (!added && !stage.name().empty() && it->second != "stage " + Quoted(stage.name())) {
      lint.Error(node.LineOf("group"), "stage " + Quoted(stage.name()) + " has the group " + Quoted(group) + " of " +
                                           it->second +
                                           ", so that each would get a part only; give it a group of its own");
    }
  }
}

}  // namespace millrace::stages
