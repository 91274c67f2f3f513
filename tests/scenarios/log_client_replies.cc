// What a log broker answers to clients below the drivers, as it is told.
#include <algorithm>
#include <utility>

#include "tests/scenarios/actors.h"
#include "tests/scenarios/log_client.h"

namespace millrace::scenarios {

using bus::LogError;
using bus::LogEvent;
using bus::LogEventKind;
using bus::LogMethod;

void LogClients::Receive(Client& client, MonotonicTime now) {
  if (client.link == nullptr) return;
  std::vector<LogEvent> events;
  client.link->Receive(events);
  for (LogEvent& event : events) {
    switch (event.kind) {
      case LogEventKind::kDisconnected:
        client.asked.clear();
        actors_->trace().Add(client.name, "", "disconnected");
        break;
      case LogEventKind::kReply:
        OnReply(client, event, now);
        break;
      case LogEventKind::kProduced:
        for (uint64_t token = event.id; token < event.id + event.count; ++token) {
          const auto at = client.asked.find((uint64_t{1} << 40) + token);
          if (at == client.asked.end()) continue;
          const std::string what =
              event.error == LogError::kNone ? "produced" : "produce: " + std::string(NameOf(event.error));
          actors_->trace().Add(client.name, at->second.about, what, at->second.texts.at(0));
          client.asked.erase(at);
        }
        break;
      case LogEventKind::kConnected:
      case LogEventKind::kWritable:
      case LogEventKind::kTrouble:
        break;
    }
  }
}

void LogClients::OnJoined(Client& client, const Asked& asked, const LogEvent& event, MonotonicTime now) {
  Trace& trace = actors_->trace();
  // A first join only gets an id (KIP-394), with which it is asked again.
  if (event.error == LogError::kMemberIdRequired && event.detail != nullptr) {
    client.member = event.detail->member;
    names_[client.member] = client.name;
    SendJoin(client, now);
    return;
  }
  if (event.error != LogError::kNone || event.detail == nullptr) {
    trace.Add(client.name, asked.about, "join: " + std::string(NameOf(event.error)));
    return;
  }
  client.member = event.detail->member;
  names_[client.member] = client.name;
  client.before = std::exchange(client.generation, event.generation);
  std::string what = "joined generation " + std::to_string(event.generation) + " " + event.detail->protocol;
  if (event.detail->leader == client.member) {
    // Others' ids are known when their answers are in; who leads tells how many there are.
    what += ", leads " + std::to_string(event.detail->members.size());
  }
  trace.Add(client.name, asked.about, what);
}

void LogClients::OnReply(Client& client, LogEvent& event, MonotonicTime now) {
  const auto at = client.asked.find(event.id);
  if (at == client.asked.end()) return;
  const Asked asked = std::move(at->second);
  client.asked.erase(at);
  Trace& trace = actors_->trace();
  const std::string error(NameOf(event.error));
  const bool good = event.error == LogError::kNone;
  switch (event.method) {
    case LogMethod::kMetadata:
      if (good && event.detail != nullptr && !event.detail->topics.empty() && event.detail->topics[0].id >= 0) {
        topic_ids_[asked.about] = event.detail->topics[0].id;
      }
      return;
    case LogMethod::kJoin:
      return OnJoined(client, asked, event, now);
    case LogMethod::kSync: {
      std::string what = good ? "synced" : "sync: " + error;
      if (good) {
        std::sort(event.detail->partitions.begin(), event.detail->partitions.end());
        for (const bus::Partition& partition : event.detail->partitions) what += " " + PlaceName(partition);
        if (event.detail->partitions.empty()) what += " nothing";
      }
      return trace.Add(client.name, asked.about, what);
    }
    case LogMethod::kOffsets: {
      if (!good || event.detail == nullptr || event.detail->offsets.empty()) {
        return trace.Add(client.name, asked.about, "offsets: " + error);
      }
      const bus::LogOffsets& offsets = event.detail->offsets[0];
      std::string what = "committed " + (offsets.committed < 0 ? "nothing" : std::to_string(offsets.committed));
      if (!offsets.note.empty()) what += " with note " + offsets.note;
      what += ", log from " + std::to_string(offsets.start) + " to " + std::to_string(offsets.end);
      return trace.Add(client.name, asked.about, what);
    }
    case LogMethod::kLeave:
      client.generation = -1;
      break;
    default:
      break;
  }
  // "commit 5: NONE" says little.
  std::string what = asked.verb;
  for (const std::string& text : asked.texts) what += " " + text;
  trace.Add(client.name, asked.about, what + (good ? ": taken" : ": " + error));
}

}  // namespace millrace::scenarios
