// Steps through the drivers: what a worker would do.
#include <algorithm>
#include <utility>

#include "tests/scenarios/actors.h"

namespace millrace::scenarios {
namespace {

absl::Status NoActor(const std::string& what, const std::string& name) {
  return absl::InvalidArgumentError("there is no " + what + " \"" + name + "\"");
}

int32_t IndexOf(const std::vector<std::string>& topics, const std::string& topic) {
  const auto at = std::find(topics.begin(), topics.end(), topic);
  return at == topics.end() ? -1 : static_cast<int32_t>(at - topics.begin());
}

std::vector<std::string> SplitAt(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

absl::Status Actors::DoTopic(const Step& step) {
  const auto partitions = ParseNumber(step.words[1]);
  if (!partitions.ok()) return partitions.status();
  const auto groups = step.options.find("groups");
  const absl::Status status =
      world_->Apply({.name = step.words[0],
                     .partitions = static_cast<int32_t>(*partitions),
                     .ordered = step.options.count("unordered") == 0,
                     .groups = groups == step.options.end() ? std::vector<std::string>() : SplitAt(groups->second, ','),
                     .keep = step.options.count("keep") == 1});
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return status;  // nobody is there
  if (!status.ok()) trace_.Add("broker", step.words[0], "refused as topic " + CodeName(status));
  return absl::OkStatus();
}

absl::Status Actors::DoFeeder(const Step& step) {
  FeederActor& actor = feeders_[step.words[0]];
  if (actor.feeder != nullptr) return absl::InvalidArgumentError("there is a feeder \"" + step.words[0] + "\"");
  actor.topics.assign(step.words.begin() + 1, step.words.end());
  actor.feeder = &world_->OpenFeeder(actor.topics);
  return absl::OkStatus();
}

absl::Status Actors::DoPublish(const Step& step) {
  const auto at = feeders_.find(step.words[0]);
  if (at == feeders_.end()) return NoActor("feeder", step.words[0]);
  const auto place = ParsePlace(step.words[1]);
  if (!place.ok()) return place.status();
  FeederActor& actor = at->second;
  const int32_t topic = IndexOf(actor.topics, place->topic);
  if (topic < 0) return absl::InvalidArgumentError("that feeder was not opened for topic \"" + place->topic + "\"");
  for (const std::string& text : Texts(step.words, 2)) {
    actor.open[step.words[1]].push_back(actor.feeder->sent.size());
    actor.feeder->SendText(topic, place->partition, text);
  }
  world_->Pump();
  return absl::OkStatus();
}

// Answers may come in any order. They are told in the order of what was sent, as far as all before it is answered.
void Actors::LookAtFeeders() {
  for (auto& [name, actor] : feeders_) {
    for (auto& [place, open] : actor.open) {
      size_t done = 0;
      for (; done < open.size() && actor.feeder->sent[open[done]].answer.has_value(); ++done) {
        const conformance::Feeder::Sent& sent = actor.feeder->sent[open[done]];
        trace_.Add(name, place, sent.answer->ok() ? "confirmed" : "failed " + CodeName(*sent.answer),
                   *sent.message.body);
      }
      open.erase(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(done));
    }
  }
}

absl::Status Actors::DoJoin(const Step& step) {
  const std::string& name = step.words[0];
  MemberActor& actor = members_[name];
  if (actor.member != nullptr) return absl::InvalidArgumentError("there is a member \"" + name + "\"");
  const std::vector<std::string> topics(step.words.begin() + 2, step.words.end());
  bus::ConsumerOptions options = world_->Options(step.words[1], topics);
  options.instance = name + ground_.InstanceSuffix();
  options.cooperative = step.options.count("cooperative") == 1;
  for (const auto& [option, value] : step.options) {
    if (option == "static") options.static_id = value;
    if (option != "capacity" && option != "prefetch" && option != "batch") continue;
    const auto number = ParseNumber(value);
    if (!number.ok()) return number.status();
    if (option == "capacity") options.capacity = static_cast<int32_t>(*number);
    if (option == "prefetch") options.prefetch = static_cast<uint32_t>(*number);
    if (option == "batch") options.batch_max = static_cast<uint32_t>(*number);
  }
  actor.witness = std::make_unique<MemberWitness>(name, topics, ground_.family(), trace_);
  actor.member = &world_->Join(options);
  actor.member->witness = actor.witness.get();
  actor.member->release_at_once = step.options.count("manual") == 0;
  actor.member->finish_at_once = step.options.count("finishing") == 1;
  return absl::OkStatus();
}

void Actors::Finish(const Step& step, MemberActor& actor, const std::string& text) {
  conformance::Member& member = *actor.member;
  const std::string& place = step.words[1];
  const auto here = [&](const conformance::Got& got) {
    return actor.witness->Label(got.holding.partition) == place && got.text() == text;
  };
  const auto got = std::find_if(member.got.rbegin(), member.got.rend(), here);
  if (got == member.got.rend()) {
    trace_.Add(step.words[0], place, "never got", text);
    return;
  }
  const bool held = member.consumer->Holds(got->holding);
  if (held && !member.CanFinish(*got)) {
    trace_.Add(step.words[0], place, "finished before", text);
    return;
  }
  const absl::Status status = member.Finish(*got);
  if (!status.ok()) trace_.Add(step.words[0], place, "refused " + CodeName(status), text);
}

absl::Status Actors::DoWithHolding(const Step& step, MemberActor& actor) {
  const auto place = ParsePlace(step.words[1]);
  if (!place.ok()) return place.status();
  const int32_t topic = IndexOf(actor.witness->topics(), place->topic);
  if (topic < 0) return absl::InvalidArgumentError("that member has no topic \"" + place->topic + "\"");
  const bus::Holding holding = actor.member->HoldingOf({topic, place->partition});
  absl::Status status;
  if (step.verb == "note") {
    if (holding.epoch == 0) return absl::InvalidArgumentError("it does not hold " + step.words[1]);
    status = actor.member->Note(holding, step.words[2]);
  } else if (step.verb == "release") {
    status = actor.member->Release(holding);
  } else {
    status = actor.member->consumer->Flow(holding, step.verb == "resume");
  }
  if (!status.ok()) trace_.Add(step.words[0], step.words[1], step.verb + " refused " + CodeName(status));
  return absl::OkStatus();
}

absl::Status Actors::DoOfMember(const Step& step, MemberActor& actor) {
  conformance::Member& member = *actor.member;
  if (member.consumer == nullptr) return absl::InvalidArgumentError("member \"" + step.words[0] + "\" is dead");
  if (step.verb == "crash") {
    world_->Kill(member);
  } else if (step.verb == "leave") {
    trace_.Add(step.words[0], "", "left " + CodeName(world_->Close(member)));
  } else if (step.verb == "release-revoked") {
    member.ReleaseRevoked();
  } else if (step.verb == "freeze" || step.verb == "thaw") {
    member.frozen = step.verb == "freeze";
  } else if (step.verb == "finish") {
    if (step.words[2] != "all") {
      for (const std::string& text : Texts(step.words, 2)) Finish(step, actor, text);
      return absl::OkStatus();
    }
    for (size_t i = 0; i < member.got.size(); ++i) {
      if (actor.witness->Label(member.got[i].holding.partition) != step.words[1] || !member.CanFinish(member.got[i]))
        continue;
      if (absl::Status s = member.Finish(member.got[i]); !s.ok()) return s;
    }
  } else {
    return DoWithHolding(step, actor);
  }
  return absl::OkStatus();
}

absl::Status Actors::DoLag(const Step& step) {
  const auto wanted = ParseNumber(step.words[2]);
  if (!wanted.ok()) return wanted.status();
  int64_t lag = -1;
  // Looks seldom: each look asks the broker.
  for (const MonotonicTime end = world_->Now() + std::chrono::seconds(15); world_->Now() < end;) {
    lag = world_->Lag(step.words[0], step.words[1]);
    if (lag == *wanted) break;
    RunUntil([] { return false; }, std::chrono::milliseconds(300));
  }
  trace_.Add("lag", step.words[0] + " " + step.words[1], std::to_string(lag));
  return absl::OkStatus();
}

absl::Status Actors::DoDriver(const Step& step) {
  if (step.verb == "topic") return DoTopic(step);
  if (step.verb == "feeder") return DoFeeder(step);
  if (step.verb == "publish") return DoPublish(step);
  if (step.verb == "join") return DoJoin(step);
  if (step.verb == "lag") return DoLag(step);
  if (step.verb == "wait") {
    const auto time = ParseTime(step.words[0]);
    if (!time.ok()) return time.status();
    RunUntil([] { return false; }, *time);
    return absl::OkStatus();
  }
  if (step.verb == "close-feeder" || step.verb == "crash-feeder") {
    const auto at = feeders_.find(step.words[0]);
    if (at == feeders_.end()) return NoActor("feeder", step.words[0]);
    if (step.verb == "crash-feeder") {
      world_->Kill(*at->second.feeder);
    } else {
      const absl::Status status = world_->Close(*at->second.feeder);
      trace_.Add(step.words[0], "", "closed " + CodeName(status));
    }
    return absl::OkStatus();
  }
  const auto at = members_.find(step.words[0]);
  if (at == members_.end()) return NoActor("member", step.words[0]);
  return DoOfMember(step, at->second);
}

}  // namespace millrace::scenarios
