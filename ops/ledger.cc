#include "ops/ledger.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bus/check.h"
#include "bus/digest.h"
#include "stages/lineage.h"

namespace millrace::ops {
namespace {

constexpr uint8_t kAccepted = 0;  // sorts before the fates
constexpr size_t kExamplesMax = 5;
constexpr size_t kShareBytesMax = 0xffff;

// A record as it is sorted: all of one job together, its acceptance first.
//   job: digest of the root (8), its length (4), root | kind (1) | length of the share (2), share | digest of the id
//   (16) | content (8)
struct Row {
  std::string_view job;  // the bytes that all rows of a job share
  std::string_view root;
  uint8_t kind = 0;
  std::string_view share;
  std::string_view id;  // 16 bytes
  uint64_t content = 0;
};

constexpr size_t kRootAt = 12;

template <typename T>
void Put(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T Take(std::string_view* in) {
  T value;
  MR_CHECK(in->size() >= sizeof(value)) << "a row of the ledger is cut";
  std::memcpy(&value, in->data(), sizeof(value));
  in->remove_prefix(sizeof(value));
  return value;
}

Row Decode(std::string_view record) {
  Row row;
  std::string_view rest = record.substr(8);
  const uint32_t root_bytes = Take<uint32_t>(&rest);
  row.root = rest.substr(0, root_bytes);
  rest.remove_prefix(root_bytes);
  row.job = record.substr(0, kRootAt + root_bytes);
  row.kind = Take<uint8_t>(&rest);
  const uint16_t share_bytes = Take<uint16_t>(&rest);
  row.share = rest.substr(0, share_bytes);
  row.id = rest.substr(share_bytes, 16);
  rest.remove_prefix(share_bytes + 16u);
  row.content = Take<uint64_t>(&rest);
  return row;
}

// The rows of one job, one job after the other; a job's rows are kept until it is over.
class Accountant {
 public:
  using OnEnded = std::function<void(std::string_view)>;
  Accountant(Balance* balance, const OnEnded& on_ended) : balance_(balance), on_ended_(on_ended) {}

  void Add(std::string_view record) {
    const Row row = Decode(record);
    if (row.job != job_) {
      End();
      job_.assign(row.job);
    }
    if (row.kind == kAccepted) {
      accepted_ = true;
      fed_ = fed_ || row.content == 0;
    } else {
      parts_.push_back({row.kind, row.content, bytes_.size(), row.share.size()});
      bytes_.append(row.share).append(row.id);
    }
  }

  void End() {
    if (accepted_ || !parts_.empty()) Judge();
    accepted_ = fed_ = false;
    parts_.clear();
    bytes_.clear();
    job_.clear();
  }

 private:
  struct Part {
    uint8_t kind;
    uint64_t content;
    size_t offset;  // of share and id in bytes_
    size_t share_bytes;
  };

  std::string_view Share(const Part& part) const {
    return std::string_view(bytes_).substr(part.offset, part.share_bytes);
  }
  std::string_view Id(const Part& part) const {
    return std::string_view(bytes_).substr(part.offset + part.share_bytes, 16);
  }
  std::string_view Root() const { return std::string_view(job_).substr(kRootAt); }

  static void Example(std::vector<std::string>& examples, std::string_view root) {
    if (examples.size() < kExamplesMax) examples.emplace_back(root);
  }

  void Judge() {
    if (on_ended_ != nullptr && CoveredUpTo(Fate::kDeadLetter)) on_ended_(Root());
    if (!accepted_) {
      // What lies on the bus may be about to be accepted; what has ended may not.
      if (parts_.front().kind > static_cast<uint8_t>(Fate::kDeadLetter)) return;
      ++balance_->phantoms;
      Example(balance_->phantom_examples, Root());
    } else {
      ++balance_->accepted;
      ++*Class();
    }
    if (parts_.size() < 2) return;
    CountDuplicates();
    CountConflicts();
  }

  bool CoveredUpTo(Fate fate) const {
    std::vector<std::string_view> shares;
    for (const Part& part : parts_) {
      if (part.kind > static_cast<uint8_t>(fate)) break;  // they come in the order of their kinds
      if (part.share_bytes == 0) return true;
      shares.push_back(Share(part));
    }
    return stages::CoversWhole(std::move(shares));
  }

  uint64_t* Class() {
    if (CoveredUpTo(Fate::kReceipt)) return &balance_->settled;
    if (CoveredUpTo(Fate::kDeadLetter)) return &balance_->dead_lettered;
    if (CoveredUpTo(Fate::kOnBus)) return &balance_->on_bus;
    if (CoveredUpTo(Fate::kDestroyed)) return &balance_->destroyed;
    if (!fed_) return &balance_->to_feed_again;
    Example(balance_->lost_examples, Root());
    return &balance_->lost;
  }

  void CountDuplicates() {
    std::vector<std::string_view> ended, all;
    for (const Part& part : parts_) {
      all.push_back(Share(part));
      if (part.kind <= static_cast<uint8_t>(Fate::kDeadLetter)) ended.push_back(Share(part));
    }
    const uint64_t duplicates = Surplus(&ended);
    if (duplicates > 0) Example(balance_->duplicate_examples, Root());
    balance_->duplicates += duplicates;
    balance_->redeliveries += Surplus(&all) - duplicates;
  }

  // A part is there once too often when it, or a part that it belongs to, is there already. Sorted by share, what
  // belongs to a part follows it.
  static uint64_t Surplus(std::vector<std::string_view>* shares) {
    std::sort(shares->begin(), shares->end());
    uint64_t surplus = 0;
    size_t whole = 0;
    for (size_t i = 1; i < shares->size(); ++i) {
      const std::string_view share = (*shares)[i], above = (*shares)[whole];
      const bool below =
          share.substr(0, above.size()) == above && (share.size() == above.size() || share[above.size()] == '.');
      if (below) {
        ++surplus;
      } else {
        whole = i;
      }
    }
    return surplus;
  }

  void CountConflicts() {
    const auto same_message = [this](const Part& a, const Part& b) {
      return a.kind == b.kind && Share(a) == Share(b) && Id(a) == Id(b);
    };
    // They come sorted by kind, share, id.
    uint64_t conflicts = 0;
    for (size_t i = 1; i < parts_.size(); ++i) {
      const Part &a = parts_[i - 1], &b = parts_[i];
      if (a.content != 0 && b.content != 0 && a.content != b.content && same_message(a, b)) ++conflicts;
    }
    if (conflicts > 0) Example(balance_->conflict_examples, Root());
    balance_->conflicts += conflicts;
  }

  Balance* balance_;
  const OnEnded& on_ended_;
  std::string job_;
  bool accepted_ = false;
  bool fed_ = false;  // accepted since the bus was made
  std::vector<Part> parts_;
  std::string bytes_;
};

}  // namespace

absl::Status Ledger::Put(uint8_t kind, const JobRecord& record) {
  const std::string_view share = record.share.substr(0, kShareBytesMax);
  scratch_.clear();
  ops::Put(bus::Digest64(record.root), &scratch_);
  ops::Put(static_cast<uint32_t>(record.root.size()), &scratch_);
  scratch_.append(record.root);
  ops::Put(kind, &scratch_);
  ops::Put(static_cast<uint16_t>(share.size()), &scratch_);
  scratch_.append(share);
  const bus::Digest128 id = bus::DigestOf(record.id);
  ops::Put(id.high, &scratch_);
  ops::Put(id.low, &scratch_);
  ops::Put(record.digest.empty() ? uint64_t{0} : bus::Digest64(record.digest) | 1, &scratch_);
  return sorter_.Add(scratch_);
}

absl::Status Ledger::Accept(std::string_view id) { return Put(kAccepted, {.root = id}); }

// Told apart by having a content.
absl::Status Ledger::AcceptedBefore(std::string_view id) { return Put(kAccepted, {.root = id, .digest = "before"}); }

absl::Status Ledger::Add(Fate fate, const JobRecord& record) { return Put(static_cast<uint8_t>(fate), record); }

absl::StatusOr<Balance> Ledger::Close(const std::function<void(std::string_view)>& on_ended) {
  Balance balance;
  Accountant accountant(&balance, on_ended);
  absl::Status status = sorter_.ForEach([&](std::string_view record) { accountant.Add(record); });
  if (!status.ok()) return status;
  accountant.End();
  return balance;
}

}  // namespace millrace::ops
