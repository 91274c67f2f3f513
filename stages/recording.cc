#include "stages/recording.h"

#include <map>
#include <utility>

#include "bus/digest.h"
#include "stages/worker.h"

namespace millrace::stages {
namespace {

std::string Text(const bus::Holding& h) {
  return std::to_string(h.partition.topic) + "/" + std::to_string(h.partition.number) + "@" + std::to_string(h.epoch);
}

std::string Text(const bus::Message& m) {
  std::string all(m.headers.block());
  all.append(m.key.value_or("(none)")).push_back('\0');
  all.append(m.body.value_or("(null)"));
  char hex[16];
  bus::WriteHex(bus::Digest64(all), hex);
  return std::string(hex, sizeof(hex));
}

struct Describer {
  const Actions& actions;

  std::string operator()(const DispatchAction& a) const {
    std::string text = "dispatch group " + std::to_string(a.group->id);
    for (const AttemptItem& item : a.group->items) {
      text += " [" + Text(item.holding) + " " + std::to_string(item.delivery.sequence) + " try " +
              std::to_string(item.attempt) + " after " + std::to_string(item.predecessor) + " " +
              Text(item.delivery.message) + "]";
    }
    return text;
  }
  std::string operator()(const CancelAction& a) const {
    return "cancel " + std::to_string(a.group->id) + "." + std::to_string(a.item);
  }
  std::string operator()(const ProgressAction& a) const { return "ask what runs of " + std::to_string(a.group->id); }
  std::string operator()(const PublishAction& a) const {
    std::string text = "publish from token " + std::to_string(a.first_token);
    for (const bus::Outgoing& out : actions.Outgoing(a)) {
      text += " [" + std::to_string(out.topic) + "/" + std::to_string(out.partition) + " " + Text(out.message) + "]";
    }
    return text;
  }
  std::string operator()(const SettleAction& a) const {
    std::string text = "settle " + Text(a.holding);
    for (const bus::SettleRange& range : actions.Ranges(a))
      text += " " + std::to_string(range.first) + "-" + std::to_string(range.last);
    text += " next " + std::to_string(a.next);
    if (a.has_note) text += " note " + std::string(actions.Note(a));
    if (a.committed) text += " (committed)";
    return text;
  }
  std::string operator()(const TransactAction& a) const {
    std::string text = a.commit ? "commit" : "abort";
    for (const SettleAction& settle : actions.Settles(a)) text += " [" + (*this)(settle) + "]";
    return text;
  }
  std::string operator()(const FlowAction& a) const { return "flow " + Text(a.holding) + (a.on ? " on" : " off"); }
  std::string operator()(const ReleaseAction& a) const { return "release " + Text(a.holding); }
  std::string operator()(const SpoolAction& a) const {
    return "spool " + std::to_string(a.spool) + " " + std::string(a.id);
  }
  std::string operator()(const SetTimerAction& a) const { return "timer " + std::to_string(a.at.ns); }
  std::string operator()(const ReadyAction& a) const {
    return a.ready ? "ready" : "not ready: " + actions.texts[a.reason];
  }
  std::string operator()(const GateAction& a) const {
    static constexpr const char* kWishes[] = {"ask", "quiet", "insist", "end"};
    return std::string("gate ") + kWishes[static_cast<int>(a.wish)] + " " + std::to_string(a.round);
  }
  std::string operator()(const LeaveAction&) const { return "leave"; }
};

// An attempt's result, copied.
struct RecordedResult {
  absl::Status status;
  bool skipped = false;
  std::vector<EncodedOutput> outputs;
};

}  // namespace

std::string DescribeAction(const Actions& actions, const Action& action) {
  return std::visit(Describer{actions}, action);
}

struct Recording::Step {
  Instant now;
  Event event;  // its views point into what follows
  std::vector<bus::Assignment> assignments;
  std::vector<bus::Holding> holdings;
  std::vector<bus::Delivery> deliveries;
  uint64_t group = 0;
  std::vector<RecordedResult> results;
  std::vector<bus::SegmentRef> segments;
  std::vector<std::string> actions;
};

Recording::Recording() : pool_(64 << 10) {}
Recording::~Recording() = default;

// Copies the event, attempts' results included: after the step the worker may have used their group again.
void Recording::BeforeStep(Instant now, const Event& event) {
  auto step = std::make_unique<Step>();
  step->now = now;
  step->event = event;
  if (auto* e = std::get_if<AssignedEvent>(&step->event)) {
    step->assignments.assign(e->assignments.begin(), e->assignments.end());
    e->assignments = step->assignments;
  } else if (auto* e = std::get_if<RevokingEvent>(&step->event)) {
    step->holdings.assign(e->holdings.begin(), e->holdings.end());
    e->holdings = step->holdings;
  } else if (auto* e = std::get_if<LostEvent>(&step->event)) {
    step->holdings.assign(e->holdings.begin(), e->holdings.end());
    e->holdings = step->holdings;
  } else if (auto* e = std::get_if<DeliveredEvent>(&step->event)) {
    step->deliveries.assign(e->batch.deliveries.begin(), e->batch.deliveries.end());
    e->batch.deliveries = step->deliveries;  // their bytes are kept by the batch's segment
  } else if (auto* e = std::get_if<AttemptsEvent>(&step->event)) {
    step->group = e->group->id;
    for (uint32_t i = e->from; i < e->to; ++i) {
      const AttemptResult& result = e->group->results[i];
      RecordedResult& copy = step->results.emplace_back();
      copy.status = result.status;
      copy.skipped = result.skipped;
      for (const EncodedOutput& output : result.outputs) {
        step->segments.push_back(pool_.Take(output.message.Bytes()));
        copy.outputs.push_back(output);
        copy.outputs.back().message = *bus::CopyInto(*step->segments.back().get(), output.message);
      }
    }
  }
  steps_.push_back(std::move(step));
}

void Recording::OnStep(Instant, const Event&, const Actions& actions, size_t first) {
  for (size_t i = first; i < actions.list.size(); ++i)
    steps_.back()->actions.push_back(DescribeAction(actions, actions.list[i]));
}

std::vector<std::string> Recording::ActionLines() const {
  std::vector<std::string> lines;
  for (const auto& step : steps_) lines.insert(lines.end(), step->actions.begin(), step->actions.end());
  return lines;
}

absl::Status Recording::Replay(const WorkerOptions& options) const {
  bus::SegmentPool pool(64 << 10);
  Worker worker(options, &pool);
  std::map<uint64_t, AttemptGroup*> groups;  // dispatched by the fresh worker, by id
  Actions actions;
  for (size_t n = 0; n < steps_.size(); ++n) {
    const Step& step = *steps_[n];
    Event event = step.event;
    if (auto* e = std::get_if<AttemptsEvent>(&event)) {
      const auto it = groups.find(step.group);
      if (it == groups.end())
        return absl::InternalError("step " + std::to_string(n) +
                                   ": a result of a group that the replay did not dispatch");
      e->group = it->second;
      for (uint32_t i = e->from; i < e->to; ++i) {
        const RecordedResult& from = step.results[i - e->from];
        AttemptResult& to = e->group->results[i];
        to.status = from.status;
        to.skipped = from.skipped;
        to.outputs = from.outputs;
      }
    }
    actions.Clear();
    worker.Step(step.now, event, &actions);
    for (size_t i = 0; i < std::max(actions.list.size(), step.actions.size()); ++i) {
      const std::string now = i < actions.list.size() ? DescribeAction(actions, actions.list[i]) : "(nothing)";
      const std::string then = i < step.actions.size() ? step.actions[i] : "(nothing)";
      if (now != then)
        return absl::InternalError("step " + std::to_string(n) + " differs; recorded: " + then + "; replayed: " + now);
      if (i < actions.list.size()) {
        if (const auto* dispatch = std::get_if<DispatchAction>(&actions.list[i]))
          groups[dispatch->group->id] = dispatch->group;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace::stages
