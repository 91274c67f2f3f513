#include "bus/memory/queue_admin.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {

QueueAdmin::QueueAdmin(std::unique_ptr<QueueLink> link, const QueueSessionOptions& options, const Topology& topology,
                       MonotonicTime now, std::string trap)
    : topology_(topology), trap_(std::move(trap)), now_(now), session_(std::move(link), options, *this) {
  if (absl::Status checked = CheckTopology(topology_); !checked.ok()) {
    Finish(std::move(checked));
    return;
  }
  session_.Start(now);
}

void QueueAdmin::Poll(MonotonicTime now) {
  now_ = now;
  session_.Poll(now);
}

void QueueAdmin::Plan() {
  steps_.clear();
  PlanTrap();
  for (const TopicSpec& spec : topology_.topics) {
    if (!spec.existing.empty()) {
      PlanExisting(spec);
      continue;
    }
    steps_.push_back({.method = Method::kExchangeDeclare, .exchange = spec.name});
    for (const std::string& group : spec.groups) PlanGroup(spec, group);
    if (!spec.keep) continue;
    const std::string queue = KeepQueueName(spec.name);
    const int32_t partitions = QueueTopicOf(spec).partitions;
    steps_.push_back({.method = Method::kQueueDeclare, .queue = queue, .arguments = KeepQueueArguments(trap_)});
    for (int32_t p = 0; p < partitions; ++p) {
      steps_.push_back(
          {.method = Method::kQueueBind, .exchange = spec.name, .queue = queue, .routing_key = std::to_string(p)});
    }
  }
  std::reverse(steps_.begin(), steps_.end());
}

void QueueAdmin::PlanTrap() {
  if (trap_.empty()) return;
  steps_.push_back({.method = Method::kExchangeDeclare, .kind = ExchangeKind::kFanout, .exchange = trap_});
  steps_.push_back(
      {.method = Method::kQueueDeclare,
       .queue = trap_,
       .arguments = TrapArguments(),
       .mismatch = "move back what lies in it, delete it there, and apply the topology again, which makes it anew"});
  steps_.push_back({.method = Method::kQueueBind, .exchange = trap_, .queue = trap_});
}

// It has to be there, and that is all.
void QueueAdmin::PlanExisting(const TopicSpec& spec) {
  const bool read = !spec.groups.empty();
  Step look{.expect = Expect::kExists,
            .method = read ? Method::kQueueDeclare : Method::kExchangeDeclare,
            .mismatch = std::string("there is no ") + (read ? "queue '" : "exchange '") + spec.existing +
                        "', which topic '" + spec.name +
                        "' says exists: correct the name, have it made by whom it belongs to, or remove `existing` so "
                        "that the topic is made"};
  (read ? look.queue : look.exchange) = spec.existing;
  steps_.push_back(std::move(look));
}

void QueueAdmin::PlanGroup(const TopicSpec& spec, const std::string& group) {
  QueueTopic topic = QueueTopicOf(spec);
  topic.trap = trap_;
  const auto name = [&](int32_t p) { return WorkQueueName(topic, group, p); };
  const auto mismatch = [&](const std::string& queue, bool exists) {
    return "topic '" + spec.name + "' has another number of partitions than the " + std::to_string(topic.partitions) +
           " asked for: queue '" + queue + "' " + (exists ? "exists" : "is missing") +
           "; use the old number, or drain the topic and delete its queues";
  };
  std::vector<Step> declare;  // highest first, so that queue 0 says that all are there
  for (int32_t p = topic.partitions; p-- > 0;) {
    declare.push_back(
        {.method = Method::kQueueDeclare, .queue = name(p), .arguments = WorkQueueArguments(topic, group)});
    declare.push_back(
        {.method = Method::kQueueBind, .exchange = spec.name, .queue = name(p), .routing_key = std::to_string(p)});
  }
  if (!topic.ordered) {
    steps_.insert(steps_.end(), declare.begin(), declare.end());
    return;
  }
  const std::string last = name(topic.partitions - 1), beyond = name(topic.partitions);
  steps_.push_back({.expect = Expect::kMissing, .queue = beyond, .mismatch = mismatch(beyond, true)});
  Step probe{.expect = Expect::kEither, .queue = name(0)};
  if (topic.partitions > 1) {
    probe.present.push_back({.expect = Expect::kExists, .queue = last, .mismatch = mismatch(last, false)});
  }
  probe.present.insert(probe.present.end(), declare.begin(), declare.end());
  probe.absent = std::move(declare);
  steps_.push_back(std::move(probe));
}

void QueueAdmin::OnUp() {
  Plan();
  session_.Send({.method = Method::kChannelOpen, .channel = 1}, now_);
}

// The session comes back by itself, and everything is begun anew: all steps can be repeated.
void QueueAdmin::OnDown(const std::string& why) {
  if (!done_) status_ = absl::UnavailableError("applying the topology: " + why);
}

void QueueAdmin::OnEvent(Event& event) {
  if (done_) return;
  switch (event.kind) {
    case EventKind::kChannelOpened:
      return SendNext();
    case EventKind::kExchangeDeclared:
    case EventKind::kQueueDeclared:
    case EventKind::kQueueBound:
      return Advance(true);
    case EventKind::kChannelClosed: {
      session_.Send({.method = Method::kChannelCloseOk, .channel = 1}, now_);
      if (event.code == kAccessRefused) {
        return Finish(absl::PermissionDeniedError(
            event.text +
            "; the user needs the rights to configure, write and read there: rabbitmqctl set_permissions "
            "-p VHOST USER \".*\" \".*\" \".*\""));
      }
      const bool probe = !steps_.empty() && steps_.back().expect != Expect::kOk;
      if (event.code != kNotFound || !probe) {
        const bool advised = !probe && !steps_.empty() && !steps_.back().mismatch.empty();
        return Finish(absl::FailedPreconditionError(
            "the broker has something else under a name of the topology: " + event.text + "; " +
            (advised ? steps_.back().mismatch : "delete it there, or name the topic or group differently")));
      }
      return Advance(false);
    }
    default:
      return;
  }
}

void QueueAdmin::SendNext() {
  if (steps_.empty()) return Finish(absl::OkStatus());
  const Step& step = steps_.back();
  session_.Send({.method = step.method,
                 .channel = 1,
                 .passive = step.expect != Expect::kOk,
                 .exchange_kind = step.kind,
                 .exchange = step.exchange,
                 .queue = step.queue,
                 .routing_key = step.routing_key,
                 .arguments = &step.arguments},
                now_);
}

void QueueAdmin::Advance(bool exists) {
  Step step = std::move(steps_.back());
  steps_.pop_back();
  if ((step.expect == Expect::kExists && !exists) || (step.expect == Expect::kMissing && exists)) {
    return Finish(absl::FailedPreconditionError(step.mismatch));
  }
  if (step.expect == Expect::kEither) {
    std::vector<Step>& next = exists ? step.present : step.absent;
    steps_.insert(steps_.end(), std::make_move_iterator(next.rbegin()), std::make_move_iterator(next.rend()));
  }
  if (exists) return SendNext();
  // The broker has closed the channel over the missing queue.
  session_.Send({.method = Method::kChannelOpen, .channel = 1}, now_);
}

void QueueAdmin::Finish(absl::Status status) {
  status_ = std::move(status);
  done_ = true;
  session_.Close(now_);
}

}  // namespace millrace::bus
