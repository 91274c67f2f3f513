#include "ops/books.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "bus/envelope.h"
#include "ops/outcomes.h"
#include "ops/reason.h"
#include "stages/journal.h"
#include "stages/receipts.h"

namespace millrace::ops {
namespace {

constexpr size_t kReasonsMax = 10'000;  // groups kept apart; what comes later is counted together

// Counts dead letters by reason.
class Reasons {
 public:
  void Add(const Outcome& outcome) {
    ++total_;
    const Reason reason = SplitReason(outcome.reason);
    Key key{std::string(outcome.stage), std::string(outcome.field), MaskValues(reason.text)};
    if (groups_.size() >= kReasonsMax && groups_.find(key) == groups_.end()) key = {"", "", "other reasons"};
    auto [it, added] = groups_.try_emplace(std::move(key));
    if (added) it->second.second = std::string(outcome.root);
    ++it->second.first;
  }
  uint64_t total() const { return total_; }
  std::vector<ReasonGroup> Sorted() const {
    std::vector<ReasonGroup> sorted;
    for (const auto& [key, value] : groups_) {
      sorted.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), value.first, value.second});
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const ReasonGroup& a, const ReasonGroup& b) { return a.count > b.count; });
    return sorted;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, std::pair<uint64_t, std::string>> groups_;
  uint64_t total_ = 0;
};

// Adds to a ledger, remembering the first error.
class Clerk {
 public:
  explicit Clerk(Ledger* ledger) : ledger_(ledger) {}
  void Accept(std::string_view id) { status_.Update(ledger_->Accept(id)); }
  void AcceptedBefore(std::string_view id) { status_.Update(ledger_->AcceptedBefore(id)); }
  void Add(Fate fate, const JobRecord& record) { status_.Update(ledger_->Add(fate, record)); }
  void Note(const absl::Status& status) { status_.Update(status); }
  const absl::Status& status() const { return status_; }

 private:
  Ledger* ledger_;
  absl::Status status_;
};

void AddEnds(const stages::ResolvedPipeline& pipeline, const RunFolder& folder, const stages::Ports& ports,
             Clerk& clerk, Reasons* reasons) {
  const auto record = [](const auto& from) { return JobRecord{from.root, from.share, from.id, from.digest}; };
  clerk.Note(ReadOutcomes(folder.receipts(), [&](const Outcome& o) { clerk.Add(Fate::kReceipt, record(o)); }));
  clerk.Note(ReadOutcomes(folder.dead_letters(), [&](const Outcome& o) {
    clerk.Add(Fate::kDeadLetter, record(o));
    if (reasons != nullptr) reasons->Add(o);
  }));
  for (const stages::PortSettings& port : pipeline.ports) {
    auto* source = ports.Find<stages::ReceiptSource>(port.name);
    if (source == nullptr) continue;
    clerk.Note(source->ForEachReceipt([&](const stages::Receipt& r) { clerk.Add(Fate::kReceipt, record(r)); }));
  }
}

void AddAccepted(const stages::ResolvedPipeline& pipeline, const RunFolder& folder, Clerk& clerk) {
  for (const stages::SourceSettings& source : pipeline.sources) {
    const absl::StatusOr<std::optional<uint64_t>> refeed = folder.ReadRefeed(source.name);
    clerk.Note(refeed.status());
    const uint64_t before = refeed.ok() ? refeed->value_or(0) : 0;
    uint64_t number = 0;
    const absl::StatusOr<stages::JournalExtent> read = stages::ReadJournal(
        folder.journal(source.name),
        [&](std::string_view id) { number++ < before ? clerk.AcceptedBefore(id) : clerk.Accept(id); });
    if (!absl::IsNotFound(read.status())) clerk.Note(read.status());
  }
}

void AddUnsettled(const std::string& group, const std::string& topic, const std::string& branch, bus::MemoryBus* bus,
                  Clerk& clerk) {
  std::string share;
  clerk.Note(bus->ForEachUnsettled(group, topic, [&](const bus::Resting& resting) {
    const bus::Envelope envelope = bus::ReadEnvelope(resting.message.headers);
    share.assign(envelope.share).append(branch);
    clerk.Add(Fate::kOnBus, {.root = envelope.root.empty() ? envelope.id : envelope.root,
                             .share = share,
                             .id = envelope.id,
                             .digest = envelope.digest});
    return clerk.status().ok();
  }));
}

}  // namespace

absl::StatusOr<Books> CloseBooks(const stages::ResolvedPipeline& pipeline, const RunFolder& folder,
                                 const stages::Ports& ports, bus::MemoryBus* bus) {
  Ledger ledger(folder.path());
  Clerk clerk(&ledger);
  Reasons reasons;
  AddAccepted(pipeline, folder, clerk);
  AddEnds(pipeline, folder, ports, clerk, &reasons);
  clerk.Note(ReadOutcomes(folder.destroyed(), [&](const Outcome& o) {
    clerk.Add(Fate::kDestroyed, {.root = o.root, .share = o.share, .id = o.id, .digest = o.digest});
  }));
  if (bus != nullptr) {
    for (const stages::StageSettings& stage : pipeline.stages) {
      AddUnsettled(stage.group, stage.input, stage.branch, bus, clerk);
    }
    for (const stages::TopicSettings& topic : pipeline.topics) {
      if (topic.dead_letter || topic.receipts) AddUnsettled(pipeline.ledger_group, topic.name, "", bus, clerk);
    }
  }
  if (!clerk.status().ok()) return clerk.status();
  absl::StatusOr<Balance> balance = ledger.Close();
  if (!balance.ok()) return balance.status();
  return Books{*std::move(balance), reasons.total(), reasons.Sorted()};
}

absl::StatusOr<IdSet> EndedJobs(const stages::ResolvedPipeline& pipeline, const RunFolder& folder,
                                const stages::Ports& ports) {
  Ledger ledger(folder.path());
  Clerk clerk(&ledger);
  AddEnds(pipeline, folder, ports, clerk, nullptr);
  if (!clerk.status().ok()) return clerk.status();
  IdSet::Builder ended(folder.path());
  absl::Status added;
  const absl::StatusOr<Balance> balance = ledger.Close([&](std::string_view root) { added.Update(ended.Add(root)); });
  if (!balance.ok()) return balance.status();
  if (!added.ok()) return added;
  return ended.Build();
}

}  // namespace millrace::ops
