#include "sim/observed/observation.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "bus/digest.h"
#include "sim/observed/copies.h"
#include "sim/observed/missing.h"
#include "sim/observed/process_records.h"
#include "sim/recorder.h"

namespace millrace::sim {
namespace {

// Times of what has none: before and behind everything.
constexpr int64_t kBegin = std::numeric_limits<int64_t>::min();
constexpr int64_t kUnseen = std::numeric_limits<int64_t>::max() - 1;
constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

void FromZero(std::vector<Record>* all) {
  int64_t first = kEnd, last = kBegin;
  for (const Record& record : *all) {
    if (record.at_ns == kBegin || record.at_ns >= kUnseen) continue;
    first = std::min(first, record.at_ns);
    last = std::max(last, record.at_ns);
  }
  for (Record& record : *all) {
    if (first > last || record.at_ns == kBegin) {
      record.at_ns = 0;
    } else {
      record.at_ns = std::min(record.at_ns, last) - first;
    }
  }
}

}  // namespace

class Observation::Pieces {
 public:
  explicit Pieces(Topology topology) : recorder_(std::move(topology)), copies_(&recorder_), processes_(&recorder_) {
    recorder_.Observe();
    left_.assign(recorder_.topology().stages.size(), 0);
  }

  void Job(uint16_t topic, std::string_view id) {
    const uint32_t job = recorder_.AddJob(std::string(id));
    if (job == jobs_.size()) jobs_.push_back(topic);
  }
  void Copy(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message) {
    copies_.Add(topic, partition, sequence, message);
  }
  absl::Status Process(const std::string& path) {
    copies_.Flush();
    return processes_.Read(path);
  }
  void Fault(int64_t at_ns, std::string_view what) {
    Record fault;
    fault.kind = Kind::kFault;
    fault.at_ns = at_ns;
    fault.value = plan_.faults.size();
    faults_.push_back(fault);
    plan_.faults.push_back(
        {.id = static_cast<uint32_t>(plan_.faults.size()), .kind = std::string(what), .trigger = {}});
  }
  void Effect(uint16_t port, std::string_view id) { effects_.emplace_back(port, id); }
  void Left(uint16_t stage, uint64_t messages) { left_[stage] = messages; }
  void Committed(uint16_t stage, uint16_t partition, uint64_t next) {
    Record record;
    record.kind = Kind::kCommitted;
    record.at_ns = kEnd;
    record.stage = stage;
    record.topic = recorder_.topology().stages[stage].input;
    record.partition = partition;
    record.sequence = next;
    last_.push_back(record);
  }
  void End(Kind kind, const std::string& text) {
    Record record;
    record.kind = kind;
    record.at_ns = kEnd;
    if (!text.empty()) record.text = recorder_.AddText(text);
    last_.push_back(record);
  }

  Observed Finish() {
    copies_.Flush();
    // Those of the same time in this order: what explains something comes before it.
    std::vector<Record> all;
    AddJobs(Kind::kSubmit, kBegin, &all);
    all.insert(all.end(), faults_.begin(), faults_.end());
    const std::vector<Record> copies = copies_.Take(processes_, kUnseen);
    all.insert(all.end(), copies.begin(), copies.end());
    AddEffects(&all);
    all.insert(all.end(), processes_.records.begin(), processes_.records.end());
    std::vector<std::string> missing = Missing(all);
    if (!missing.empty()) AddDeadLetters(copies, &all);
    AddJobs(Kind::kAccepted, kEnd, &all);
    all.insert(all.end(), last_.begin(), last_.end());
    std::stable_sort(all.begin(), all.end(), [](const Record& a, const Record& b) { return a.at_ns < b.at_ns; });
    FromZero(&all);
    for (const Record& record : all) recorder_.Add(record);
    Observed observed{.history = recorder_.Take(),
                      .plan = plan_,
                      .redone = Redone(),
                      .lines = processes_.lines,
                      .missing = std::move(missing),
                      .ambiguous = ambiguous_};
    for (const Record& record : all) {
      if (record.kind == Kind::kFault)
        observed.history.strikes.push_back(
            {.fault = static_cast<uint32_t>(record.value), .at_ns = record.at_ns, .in_flight = true});
    }
    observed.history.topology.processes = processes_.processes;
    observed.plan.semantics = observed.history.topology.queue ? Semantics::kQueue : Semantics::kLog;
    // As many are fetched as there is room for (stages/instance_setup.h).
    for (const StageInfo& stage : observed.history.topology.stages)
      observed.plan.prefetch = std::max(observed.plan.prefetch, stage.window);
    return observed;
  }

 private:
  void AddJobs(Kind kind, int64_t at_ns, std::vector<Record>* all) {
    for (uint32_t job = 0; job < jobs_.size(); ++job) {
      Record record;
      record.kind = kind;
      record.at_ns = at_ns;
      record.topic = jobs_[job];
      record.message = recorder_.job(job).message;
      if (record.message == kNoMessage) {
        // The broker has nothing of it.
        record.message = recorder_.InternDigests(jobs_[job], bus::DigestOf(recorder_.job(job).name), /*digest=*/0, job);
        recorder_.MakeInput(record.message);
      }
      all->push_back(record);
    }
  }

  // Whose effects receipts of a port may be.
  std::vector<uint16_t> StagesOf(uint16_t port) const {
    const std::vector<StageInfo>& all = recorder_.topology().stages;
    std::vector<uint16_t> naming, others;
    for (uint16_t stage = 0; stage < all.size(); ++stage) {
      const std::vector<uint16_t>& ports = all[stage].ports;
      if (std::find(ports.begin(), ports.end(), port) != ports.end()) {
        naming.push_back(stage);
      } else if (all[stage].sink && ports.empty()) {
        others.push_back(stage);
      }
    }
    return naming.empty() ? others : naming;
  }

  void AddEffects(std::vector<Record>* all) {
    std::vector<std::vector<uint16_t>> stages_of;
    for (const auto& [port, id] : effects_) {
      while (stages_of.size() <= port) stages_of.push_back(StagesOf(static_cast<uint16_t>(stages_of.size())));
      const std::vector<uint16_t>& stages = stages_of[port];
      std::vector<std::pair<uint16_t, uint32_t>> found;  // of those with that message on their input
      for (const uint16_t stage : stages) {
        const uint32_t message = recorder_.Find(recorder_.topology().stages[stage].input, id);
        if (message != kNoMessage) found.emplace_back(stage, message);
      }
      if (found.empty() && !stages.empty()) {
        const uint16_t input = recorder_.topology().stages[stages.front()].input;
        found.emplace_back(stages.front(), recorder_.InternDigests(input, bus::DigestOf(id), /*digest=*/0, kNoJob));
      }
      if (found.size() > 1 && ambiguous_.empty()) SayAmbiguous(port, found.front().first, found.back().first);
      for (const auto& [stage, message] : found) all->push_back(EffectOf(port, stage, message));
    }
  }

  void SayAmbiguous(uint16_t port, uint16_t first, uint16_t second) {
    const Topology& topology = recorder_.topology();
    const std::string name = port < topology.ports.size() ? topology.ports[port] : std::to_string(port);
    ambiguous_ = "a receipt of port \"" + name + "\" may be of stage \"" + topology.stages[first].name +
                 "\" or of stage \"" + topology.stages[second].name + "\": they read messages of the same ids";
  }

  Record EffectOf(uint16_t port, uint16_t stage, uint32_t message) const {
    Record record;
    record.kind = Kind::kEffect;
    record.at_ns = kUnseen;
    record.stage = stage;
    record.message = message;
    record.topic = port;
    const auto attempt = processes_.first_success.find({stage, message});
    if (attempt != processes_.first_success.end()) {
      record.at_ns = attempt->second.at_ns;
      record.process = attempt->second.process;
      record.incarnation = attempt->second.incarnation;
    }
    return record;
  }

  // Who has made them is not written down, but they say which stage it was.
  void AddDeadLetters(const std::vector<Record>& copies, std::vector<Record>* all) const {
    for (const Record& copy : copies) {
      const MessageInfo& info = recorder_.message(copy.message);
      if (info.role != MessageRole::kDeadLetter || info.stage >= recorder_.topology().stages.size()) continue;
      Record made;
      made.kind = Kind::kOutput;
      made.at_ns = kBegin;
      made.stage = info.stage;
      made.message = copy.message;
      made.value = info.of;
      made.flags = kDeadLetter;
      all->push_back(made);
    }
  }

  std::vector<std::string> Missing(const std::vector<Record>& all) const {
    std::vector<std::string> missing;
    const std::vector<uint64_t> counts = SettledBySomebodyElse(recorder_, all, last_, left_);
    for (size_t stage = 0; stage < counts.size(); ++stage) {
      if (counts[stage] == 0) continue;
      missing.push_back(std::to_string(counts[stage]) + " messages of stage " +
                        recorder_.topology().stages[stage].name + " were settled by processes without a history");
    }
    return missing;
  }

  uint64_t Redone() const {
    uint64_t redone = 0;
    for (const auto& [pair, count] : processes_.succeeded) {
      const uint64_t right = 1 + copies_.BeyondOne(pair.second);
      if (count > right) redone += count - right;
    }
    return redone;
  }

  Recorder recorder_;
  Copies copies_;
  ProcessRecords processes_;
  Plan plan_;
  std::vector<uint16_t> jobs_;  // by job: the topic it was fed into
  std::vector<Record> faults_, last_;
  std::vector<std::pair<uint16_t, std::string>> effects_;  // port, id
  std::vector<uint64_t> left_;                             // by stage
  std::string ambiguous_;
};

Observation::Observation(Topology topology) : pieces_(std::make_unique<Pieces>(std::move(topology))) {}
Observation::~Observation() = default;
void Observation::Job(uint16_t topic, std::string_view id) { pieces_->Job(topic, id); }
void Observation::Copy(uint16_t topic, uint16_t partition, uint64_t sequence, const bus::Message& message) {
  pieces_->Copy(topic, partition, sequence, message);
}
absl::Status Observation::Process(const std::string& path) { return pieces_->Process(path); }
void Observation::Fault(int64_t at_ns, std::string_view what) { pieces_->Fault(at_ns, what); }
void Observation::Effect(uint16_t port, std::string_view id) { pieces_->Effect(port, id); }
void Observation::Left(uint16_t stage, uint64_t messages) { pieces_->Left(stage, messages); }
void Observation::Committed(uint16_t stage, uint16_t partition, uint64_t next) {
  pieces_->Committed(stage, partition, next);
}
void Observation::AtRest() { pieces_->End(Kind::kQuiet, ""); }
void Observation::NotAtRest(const std::string& what) { pieces_->End(Kind::kLimit, what); }
Observed Observation::Take() { return pieces_->Finish(); }

}  // namespace millrace::sim
