// Who reads and writes what: cycles, topics that nobody reads or writes, where receipts go.
#include <algorithm>
#include <set>

#include "stages/lint_context.h"
#include "stages/pipeline_config.h"

namespace millrace::stages {
namespace {

// Stages as nodes, an edge where one emits to a topic that the other reads.
class Graph {
 public:
  explicit Graph(LintContext& lint) : lint_(lint), pipeline_(lint.pipeline()), state_(pipeline_.stage_size(), kNew) {}

  void FindCycles() {
    for (int stage = 0; stage < pipeline_.stage_size(); ++stage) {
      if (state_[stage] == kNew) Visit(stage);
    }
  }

 private:
  enum State { kNew, kOpen, kDone };

  struct Frame {
    int stage;
    int output = 0;
    int reader = 0;  // the stage to look at next for that output
  };

  // Depth first, with a stack of its own: a file may chain as many stages as it likes.
  void Visit(int first) {
    std::vector<Frame> stack = {{first}};
    state_[first] = kOpen;
    while (!stack.empty()) {
      Frame& top = stack.back();
      const StageSpec& stage = pipeline_.stage(top.stage);
      if (top.output == stage.output_size()) {
        state_[top.stage] = kDone;
        stack.pop_back();
        continue;
      }
      if (top.reader == pipeline_.stage_size()) {
        ++top.output;
        top.reader = 0;
        continue;
      }
      const int reader = top.reader++;
      const std::string& topic = stage.output(top.output).topic();
      if (topic.empty() || pipeline_.stage(reader).input() != topic) continue;
      if (state_[reader] == kOpen) {
        Report(stack, reader);
      } else if (state_[reader] == kNew) {
        state_[reader] = kOpen;
        stack.push_back({reader});
      }
    }
  }

  void Report(const std::vector<Frame>& stack, int back_to) {
    auto start = std::find_if(stack.begin(), stack.end(), [&](const Frame& frame) { return frame.stage == back_to; });
    std::string path;
    for (auto frame = start; frame != stack.end(); ++frame) {
      const StageSpec& stage = pipeline_.stage(frame->stage);
      path += stage.name() + " → [" + stage.output(frame->output).topic() + "] → ";
    }
    path += pipeline_.stage(back_to).name();
    const Frame& last = stack.back();
    lint_.Error(
        lint_.root().Child("stage", last.stage).Child("output", last.output).LineOf("topic"),
        "the stages form a cycle, so that jobs may go round for ever: " + path + "; send this output elsewhere");
  }

  LintContext& lint_;
  const Pipeline& pipeline_;
  std::vector<State> state_;
};

void LintUse(LintContext& lint) {
  const Pipeline& pipeline = lint.pipeline();
  std::set<std::string> read, written, dead;
  for (const SourceSpec& source : pipeline.source()) written.insert(source.topic());
  for (const StageSpec& stage : pipeline.stage()) {
    read.insert(stage.input());
    dead.insert(stage.dead_letter());
    for (const OutputSpecProto& output : stage.output()) written.insert(output.topic());
  }
  // Other programs may write to the topics of a broker; to those in this process nobody else can.
  const bool closed = SchemeOf(lint.bus()) == "mem";
  for (int i = 0; i < pipeline.topic_size(); ++i) {
    const Topic& topic = pipeline.topic(i);
    const int line = lint.root().Child("topic", i).line();
    if (topic.name().empty() || topic.name() == pipeline.receipts()) continue;
    if (topic.dead_letter()) {
      if (!dead.count(topic.name()) && !read.count(topic.name())) {
        lint.Warning(line, "no stage sends dead letters to " + Quoted(topic.name()) + "; remove the topic");
      }
      continue;
    }
    if (!topic.existing().empty() && pipeline.source_size() == 0) continue;  // others read and write it
    if (!read.count(topic.name())) {
      lint.Error(line, "nobody reads the topic " + Quoted(topic.name()) +
                           ", so that what goes there is never finished; let a stage read it, or remove it");
    }
    if (!written.count(topic.name())) {
      const std::string what = "nobody writes to the topic " + Quoted(topic.name());
      if (closed) {
        lint.Error(line,
                   what + ", and on mem: no other program can; let a source or a stage write to it, or remove it");
      } else {
        lint.Warning(line, what + " in this pipeline; right if another program does");
      }
    }
  }
}

void LintReceipts(LintContext& lint) {
  const Pipeline& pipeline = lint.pipeline();
  const std::string advice =
      "; add receipts: \"receipts\" and topic { name: \"receipts\" }, so that the ledger can tell the end of such a "
      "job from its loss";
  bool told = !pipeline.receipts().empty();
  for (int i = 0; i < pipeline.stage_size() && pipeline.receipts().empty(); ++i) {
    const StageSpec& stage = pipeline.stage(i);
    const StageKind* kind = lint.registry().FindStage(stage.kind());
    if (kind == nullptr || kind->sink || !stage.output().empty() || !kind->outputs.empty()) continue;
    lint.Error(lint.root().Child("stage", i).line(),
               "stage " + Quoted(stage.name()) +
                   " ends jobs, keeps no receipts itself, and the pipeline has no topic for them" + advice);
    told = true;
  }
  for (int i = 0; i < pipeline.stage_size() && !told; ++i) {
    const StageKind* kind = lint.registry().FindStage(pipeline.stage(i).kind());
    if (kind == nullptr || kind->sink) continue;
    lint.Warning(lint.root().Child("stage", i).line(),
                 "stage " + Quoted(pipeline.stage(i).name()) +
                     " may drop a job, and the pipeline has no topic for its receipt" + advice);
    told = true;
  }
}

}  // namespace

void LintGraph(LintContext& lint) {
  Graph(lint).FindCycles();
  LintUse(lint);
  LintReceipts(lint);
}

}  // namespace millrace::stages
