#include "tests/scenarios/log_client.h"

#include <algorithm>
#include <utility>

#include "tests/scenarios/actors.h"

namespace millrace::scenarios {

using bus::LogError;
using bus::LogMethod;
using bus::LogRequest;
using bus::Partition;

absl::Status LogClients::Open(const std::string& name, Actors& actors) {
  actors_ = &actors;
  Client& client = clients_[name];
  if (client.link != nullptr) return absl::InvalidArgumentError("there is a client \"" + name + "\"");
  client.name = name;
  client.waker = std::make_unique<conformance::WakeFlag>(actors.world().signal());
  client.link = actors.ground().OpenLog(*client.waker);
  client.link->Connect(actors.world().Now());
  return absl::OkStatus();
}

absl::Status LogClients::Drop(const std::string& name, MonotonicTime now) {
  const auto client = Find(name);
  if (!client.ok()) return client.status();
  (*client)->link->Drop(now);
  (*client)->asked.clear();
  return absl::OkStatus();
}

absl::StatusOr<LogClients::Client*> LogClients::Find(const std::string& name) {
  const auto at = clients_.find(name);
  if (at == clients_.end()) return absl::InvalidArgumentError("there is no client \"" + name + "\"");
  return &at->second;
}

std::string LogClients::PlaceName(Partition partition) const {
  for (const auto& [name, id] : topic_ids_) {
    if (id == partition.topic) return name + "/" + std::to_string(partition.number);
  }
  return "?/" + std::to_string(partition.number);
}

std::string LogClients::NameOfMember(const std::string& id) const {
  const auto at = names_.find(id);
  return at == names_.end() ? "somebody" : at->second;
}

// Answers to this come at once, on a broker too: the wire waits for them.
absl::StatusOr<int32_t> LogClients::TopicId(Client& client, const std::string& topic, Actors& actors) {
  if (const auto known = topic_ids_.find(topic); known != topic_ids_.end()) return known->second;
  broker_names_ = {actors.world().harness().Name(topic)};
  LogRequest request{.method = LogMethod::kMetadata, .topics = broker_names_};
  Send(client, request, {"metadata", topic, {}}, actors.world().Now());
  Receive(client, actors.world().Now());
  const auto found = topic_ids_.find(topic);
  if (found == topic_ids_.end()) return absl::InvalidArgumentError("the broker has no topic \"" + topic + "\"");
  return found->second;
}

absl::StatusOr<Partition> LogClients::PlaceOf(Client& client, const std::string& word, Actors& actors) {
  const auto place = ParsePlace(word);
  if (!place.ok()) return place.status();
  const auto id = TopicId(client, place->topic, actors);
  if (!id.ok()) return id.status();
  return Partition{*id, place->partition};
}

absl::Status LogClients::Speaker(const Step& step, const Client& client, LogRequest& request) {
  const Client* speaker = &client;
  const auto member = step.options.find("member");
  if (member != step.options.end() && member->second != "nobody") {
    const auto other = Find(member->second);
    if (!other.ok()) return other.status();
    speaker = *other;
  }
  if (member == step.options.end() || member->second != "nobody") {
    request.member = speaker->member;
    request.instance = speaker->instance;
    request.generation = speaker->generation;
  }
  const auto generation = step.options.find("generation");
  if (generation == step.options.end()) return absl::OkStatus();
  if (generation->second == "old") {
    request.generation = speaker->before;
  } else if (generation->second == "none") {
    request.generation = -1;
  } else {
    const auto number = ParseNumber(generation->second);
    if (!number.ok()) return number.status();
    request.generation = static_cast<int32_t>(*number);
  }
  return absl::OkStatus();
}

void LogClients::Send(Client& client, LogRequest& request, Asked asked, MonotonicTime now) {
  request.id = client.next_id++;
  client.asked[request.id] = std::move(asked);
  client.link->Send(request, now);
}

absl::Status LogClients::Join(const Step& step, Client& client, Actors& actors) {
  client.join = {.protocols = {"range"},
                 .session_timeout = std::chrono::seconds(60),
                 .rebalance_timeout = std::chrono::seconds(60)};
  if (step.options.count("fresh") == 1) client.member.clear();
  client.group = step.words[1];
  for (size_t i = 2; i < step.words.size(); ++i) {
    const auto id = TopicId(client, step.words[i], actors);
    if (!id.ok()) return id.status();
    client.join.topics.push_back(*id);
  }
  for (const auto& [option, value] : step.options) {
    if (option == "static") client.instance = value;
    if (option == "protocols") {
      client.join.protocols.clear();
      for (size_t begin = 0; begin <= value.size();) {
        const size_t end = std::min(value.find(',', begin), value.size());
        client.join.protocols.push_back(value.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    if (option != "session" && option != "rebalance") continue;
    const auto time = ParseTime(value);
    if (!time.ok()) return time.status();
    (option == "session" ? client.join.session_timeout : client.join.rebalance_timeout) = *time;
  }
  SendJoin(client, actors.world().Now());
  return absl::OkStatus();
}

void LogClients::SendJoin(Client& client, MonotonicTime now) {
  group_name_ = actors_->world().harness().Name(client.group);
  LogRequest request{.method = LogMethod::kJoin,
                     .group = group_name_,
                     .member = client.member,
                     .instance = client.instance,
                     .join = &client.join};
  Send(client, request, {"join-group", "group " + client.group, {}}, now);
}

absl::Status LogClients::Sync(const Step& step, Client& client, Actors& actors) {
  std::vector<bus::LogMemberAssignment> shares;
  for (size_t i = 1; i < step.words.size(); ++i) {
    if (step.words[i] == "-") continue;
    const size_t colon = step.words[i].find(':');
    const auto to = Find(step.words[i].substr(0, colon));
    if (colon == std::string::npos || !to.ok())
      return absl::InvalidArgumentError("a share is CLIENT:TOPIC/PARTITION,…");
    bus::LogMemberAssignment& share = shares.emplace_back();
    share.member = (*to)->member;
    const std::string places = step.words[i].substr(colon + 1);
    for (size_t begin = 0; begin < places.size();) {
      const size_t end = std::min(places.find(',', begin), places.size());
      const auto place = PlaceOf(client, places.substr(begin, end - begin), actors);
      if (!place.ok()) return place.status();
      share.partitions.push_back(*place);
      begin = end + 1;
    }
  }
  group_name_ = actors.world().harness().Name(client.group);
  LogRequest request{.method = LogMethod::kSync, .group = group_name_, .assignments = shares};
  if (absl::Status s = Speaker(step, client, request); !s.ok()) return s;
  Send(client, request, {step.verb, "group " + client.group, {}}, actors.world().Now());
  return absl::OkStatus();
}

absl::Status LogClients::Produce(const Step& step, Client& client, Actors& actors) {
  const auto place = PlaceOf(client, step.words[1], actors);
  if (!place.ok()) return place.status();
  for (const std::string& text : Texts(step.words, 2)) {
    bus::Outgoing outgoing{.topic = 0, .partition = place->number};
    outgoing.message.body = text;
    client.asked[(uint64_t{1} << 40) + client.next_token] = {step.verb, step.words[1], {text}};
    client.link->Produce({&place->topic, 1}, {&outgoing, 1}, client.next_token++, actors.world().Now());
  }
  return absl::OkStatus();
}

absl::Status LogClients::Simple(const Step& step, Client& client, Actors& actors) {
  const auto number = [&](size_t word) { return ParseNumber(step.words[word]); };
  LogRequest request;
  Asked asked{step.verb, "", {}};
  std::string group = client.group, note;
  std::vector<Partition> partitions;
  if (step.verb == "heartbeat" || step.verb == "leave-group") {
    request.method = step.verb == "heartbeat" ? LogMethod::kHeartbeat : LogMethod::kLeave;
    asked.about = "group " + group;
  } else if (step.verb == "transact") {
    request.method = LogMethod::kInitProducer;
    const auto timeout = step.options.find("timeout");
    const auto time = ParseTime(timeout == step.options.end() ? "60s" : timeout->second);
    if (!time.ok()) return time.status();
    request.timeout_ms = static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*time).count());
    asked.about = "transactions";
  } else if (step.verb == "end") {
    if (step.words[1] != "commit" && step.words[1] != "abort")
      return absl::InvalidArgumentError("end by commit or abort");
    request.method = LogMethod::kEndTransaction;
    request.commit = step.words[1] == "commit";
    asked = {step.words[1], "transactions", {}};
  } else {
    group = step.words[1];
    const auto place = PlaceOf(client, step.words[2], actors);
    if (!place.ok()) return place.status();
    request.partition = *place;
    partitions = {*place};
    asked.about = step.words[2];
    request.method = step.verb == "commit"    ? LogMethod::kCommit
                     : step.verb == "offsets" ? LogMethod::kOffsets
                                              : LogMethod::kTransactOffset;
    if (step.verb != "offsets") {
      const auto offset = number(3);
      if (!offset.ok()) return offset.status();
      request.offset = *offset;
      asked.texts = {step.words[3]};
    }
    if (const auto at = step.options.find("note"); at != step.options.end()) note = at->second;
  }
  group_name_ = actors.world().harness().Name(group);
  std::string id = step.verb == "transact" ? actors.world().harness().Name(step.words[1]) : "";
  if (absl::Status s = Speaker(step, client, request); !s.ok()) return s;
  request.group = group_name_;
  if (step.verb == "transact") request.instance = id;
  request.note = note;
  request.partitions = partitions;
  Send(client, request, std::move(asked), actors.world().Now());
  return absl::OkStatus();
}

absl::Status LogClients::Do(const Step& step, Actors& actors) {
  const auto client = Find(step.words[0]);
  if (!client.ok()) return client.status();
  if (step.verb == "join-group") return Join(step, **client, actors);
  if (step.verb == "sync-group") return Sync(step, **client, actors);
  if (step.verb == "produce") return Produce(step, **client, actors);
  return Simple(step, **client, actors);
}

void LogClients::Look(MonotonicTime now) {
  for (auto& [name, client] : clients_) Receive(client, now);
}

}  // namespace millrace::scenarios
