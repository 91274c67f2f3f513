#include "sim/report/page_data.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "sim/report/sentence.h"
#include "sim/report/timeline.h"

namespace millrace::sim {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFindings = 8;
constexpr size_t kTimelineLines = 80;
constexpr uint64_t kMaxExact = (uint64_t{1} << 53) - 1;  // larger integers are no exact numbers in JavaScript

Json Exact(uint64_t value) { return value <= kMaxExact ? Json(value) : Json(std::to_string(value)); }

template <typename Index>
Json OrNone(Index index, Index none) {
  return index == none ? Json(-1) : Json(index);
}

// What is always drawn: it is the ground of everything else.
bool IsGround(Kind kind) {
  return (kind >= Kind::kStart && kind <= Kind::kLost) || kind == Kind::kMoved || kind >= Kind::kFault;
}

// Whether the record goes with its job: then jobs stay or go as a whole, so that no arrow loses an end.
uint32_t JobOf(const History& history, const Record& record) {
  return record.message < history.messages.size() ? history.messages[record.message].job : kNoJob;
}

// As many of the indices as are allowed, evenly spread.
void Spread(const std::vector<uint32_t>& indices, size_t allowed, std::vector<bool>& chosen, size_t& room) {
  const size_t take = std::min({indices.size(), allowed, room});
  for (size_t i = 0; i < take; ++i) chosen[indices[i * indices.size() / take]] = true;
  room -= take;
}

// Which records are in the page: first what matters to findings, then the ground, then whole jobs and the commits
// between, evenly spread over the run.
std::vector<bool> Choose(const Names& names, std::span<const Finding> findings, size_t max_records) {
  const History& history = names.history();
  const size_t total = history.records.size();
  std::vector<bool> chosen(total, total <= max_records);
  if (total <= max_records) return chosen;
  std::vector<uint8_t> best(total, 0);
  for (const Finding& finding : findings) {
    const Weights weights = Weigh(names, finding);
    for (size_t i = 0; i < total; ++i) {
      if (weights[i] != 0 && (best[i] == 0 || weights[i] < best[i])) best[i] = weights[i];
    }
  }
  size_t room = max_records;
  for (uint8_t weight = 1; weight <= 5; ++weight) {
    std::vector<uint32_t> of_weight;
    for (uint32_t i = 0; i < total; ++i) {
      if (best[i] == weight) of_weight.push_back(i);
    }
    Spread(of_weight, room, chosen, room);
  }
  std::vector<uint32_t> ground, rest;
  std::vector<size_t> of_job(history.jobs.size(), 0);  // records that are not chosen yet
  for (uint32_t i = 0; i < total; ++i) {
    if (chosen[i] || best[i] != 0) continue;
    const uint32_t job = JobOf(history, history.records[i]);
    if (IsGround(history.records[i].kind)) {
      ground.push_back(i);
    } else if (job < of_job.size()) {
      ++of_job[job];
    } else {
      rest.push_back(i);
    }
  }
  Spread(ground, room / 2, chosen, room);
  size_t in_jobs = 0;
  for (const size_t count : of_job) in_jobs += count;
  // Every k-th job, and every k-th offset of commits: of both its ends.
  const size_t stride = (in_jobs + rest.size()) / std::max<size_t>(room, 1) + 1;
  for (uint32_t i = 0; i < total && room > 0; ++i) {
    if (chosen[i] || best[i] != 0 || IsGround(history.records[i].kind)) continue;
    const uint32_t job = JobOf(history, history.records[i]);
    const uint64_t by = job < of_job.size() ? job : history.records[i].sequence;
    if (by % stride != 0) continue;
    chosen[i] = true;
    --room;
  }
  return chosen;
}

Json RecordJson(const Names& names, const Record& r, uint32_t index, int64_t message) {
  const bool lives = r.process != kNoProcess;
  return Json::array({index, r.at_ns, static_cast<int>(r.kind), r.flags, OrNone(r.process, kNoProcess),
                      lives ? names.Life(r.process, r.incarnation) : 0, OrNone(r.stage, kNoStage),
                      OrNone(r.topic, kNoTopic), r.partition, message, r.attempt, r.count, Exact(r.sequence),
                      Exact(r.epoch), Exact(r.value), r.text == 0 ? "" : names.Text(r.text), names.Who(r),
                      Sentence(names, r)});
}

Json MessageJson(const Names& names, const MessageInfo& m, uint32_t index, int64_t job) {
  const auto& keys = names.history().keys;
  char id[33] = {};
  bus::WriteHex(m.id, id);
  return Json::array({names.Message(index), job, m.key < keys.size() ? Printable(keys[m.key], 80) : "", std::string(id),
                      Printable(m.share, 40), Printable(m.reason, 200)});
}

Json FindingJson(const Names& names, const Finding& finding, const std::map<uint32_t, size_t>& rows, int64_t job) {
  Json lines = Json::array();
  for (const TimelineLine& line : Timeline(names, finding, kTimelineLines)) {
    const auto row = rows.find(line.record);
    lines.push_back({row == rows.end() ? Json(-1) : Json(row->second), line.who, line.what, line.evidence});
  }
  Json relevant = Json::array(), evidence = Json::array();
  const Weights weights = Weigh(names, finding);
  for (const auto& [index, row] : rows) {
    if (weights[index] != 0) relevant.push_back(row);
    if (weights[index] == 1) evidence.push_back(row);
  }
  return {{"promise", Printable(finding.promise)},
          {"text", Printable(finding.text, 400)},
          {"job", job},
          {"lines", lines},
          {"relevant", relevant},
          {"evidence", evidence}};
}

// Numbers what is added, from 0.
class Interned {
 public:
  std::pair<int64_t, bool> Add(uint32_t index) {
    const auto [at, fresh] = indices_.emplace(index, static_cast<int64_t>(indices_.size()));
    return {at->second, fresh};
  }

 private:
  std::map<uint32_t, int64_t> indices_;
};

// What does not depend on the records chosen.
Json SceneJson(const Names& names) {
  const Topology& topology = names.history().topology;
  Json scene = {{"queue", topology.queue},
                {"seed", std::to_string(names.plan().seed)},
                {"topics", Json::array()},
                {"stages", Json::array()},
                {"ports", Json::array()},
                {"processes", Json::array()},
                {"faults", Json::array()},
                {"total", names.history().records.size()},
                {"jobCount", names.history().jobs.size()}};
  for (uint16_t i = 0; i < topology.topics.size(); ++i) {
    scene["topics"].push_back({{"name", names.Topic(i)}, {"readers", topology.topics[i].readers}});
  }
  for (uint16_t i = 0; i < topology.stages.size(); ++i) {
    const uint16_t input = topology.stages[i].input;
    scene["stages"].push_back({{"name", names.Stage(i)}, {"input", OrNone(input, kNoTopic)}});
  }
  for (uint16_t i = 0; i < topology.ports.size(); ++i) scene["ports"].push_back(names.Port(i));
  for (uint16_t i = 0; i < names.slots(); ++i) {
    scene["processes"].push_back({{"name", names.Slot(i)}, {"lives", names.Lives(i)}});
  }
  for (size_t i = 0; i < names.plan().faults.size(); ++i) {
    scene["faults"].push_back(
        {{"name", names.Fault(i)}, {"kind", names.FaultKind(i)}, {"trigger", names.FaultTrigger(i)}});
  }
  return scene;
}

}  // namespace

std::string PageData(const Names& names, std::span<const Finding> all, const PageOptions& options) {
  const History& history = names.history();
  const std::span<const Finding> findings = all.first(std::min(all.size(), kMaxFindings));
  const std::vector<bool> chosen = Choose(names, findings, options.max_records);

  Json data = SceneJson(names);
  data["title"] = Printable(options.title);
  data["replay"] = Printable(options.replay, 2000);
  data["records"] = data["messages"] = data["jobs"] = data["findings"] = Json::array();
  Interned jobs, messages;  // index in the history → index in the page
  const auto job_index = [&](uint32_t job) -> int64_t {
    if (job >= history.jobs.size()) return -1;
    const auto [index, fresh] = jobs.Add(job);
    if (fresh) data["jobs"].push_back({history.jobs[job].id, Printable(history.jobs[job].name, 60)});
    return index;
  };
  const auto message_index = [&](uint32_t message) -> int64_t {
    if (message >= history.messages.size()) return -1;
    const auto [index, fresh] = messages.Add(message);
    const MessageInfo& info = history.messages[message];
    if (fresh) data["messages"].push_back(MessageJson(names, info, message, job_index(info.job)));
    return index;
  };
  std::map<uint32_t, size_t> rows;  // record → row of the page
  for (uint32_t i = 0; i < history.records.size(); ++i) {
    if (!chosen[i]) continue;
    rows.emplace(i, rows.size());
    data["records"].push_back(RecordJson(names, history.records[i], i, message_index(history.records[i].message)));
  }
  for (const Finding& finding : findings) {
    uint32_t job = finding.job;
    if (job == kNoJob && finding.message < history.messages.size()) job = history.messages[finding.message].job;
    data["findings"].push_back(FindingJson(names, finding, rows, job_index(job)));
  }
  data["moreFindings"] = all.size() - findings.size();

  // Everything is printable UTF-8 by now; "replace" is for what might slip through, since dump would throw.
  const std::string text = data.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  // In JSON "<" stands in strings only. Without it nothing closes the element or opens a comment in it.
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace millrace::sim
