#include "stages/property/store_simulated.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bus/check.h"
#include "bus/digest.h"

namespace millrace::property {
namespace {

// Message digests are hexadecimal; of what is not, the digest of its text stands for it.
uint64_t DigestOfMessage(std::string_view hex) {
  uint64_t value = 0;
  for (char c : hex) {
    const bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
    if (hex.size() != 16 || (!digit && !letter)) return bus::Digest64(hex);
    value = value << 4 | static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return hex.empty() ? bus::Digest64(hex) : value;
}

// All versions of one record.
struct Versions {
  std::string current;
  uint64_t older = 0;
  uint64_t digest = 0;
};

// Stores that nobody uses any more, emptied: to make one takes as long as a short run. Threading: any thread.
class EmptyStores {
 public:
  static EmptyStores& Get() {
    static auto* const stores = new EmptyStores;
    return *stores;
  }
  // nullptr where there is none.
  std::unique_ptr<SqliteStore> Take() {
    std::lock_guard lock(mutex_);
    if (stores_.empty()) return nullptr;
    std::unique_ptr<SqliteStore> store = std::move(stores_.back());
    stores_.pop_back();
    return store;
  }
  void Give(std::unique_ptr<SqliteStore> store) {
    if (!store->Clear().ok()) return;
    std::lock_guard lock(mutex_);
    if (stores_.size() < kMost) stores_.push_back(std::move(store));
  }

 private:
  static constexpr size_t kMost = 4;  // two runs at a time, of two stores each
  std::mutex mutex_;
  std::vector<std::unique_ptr<SqliteStore>> stores_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SimulatedStore>> SimulatedStore::Make(stages::PortWorld* world) {
  std::unique_ptr<SqliteStore> store = EmptyStores::Get().Take();
  if (store == nullptr) {
    absl::StatusOr<std::unique_ptr<SqliteStore>> made = SqliteStore::OpenInMemory();
    if (!made.ok()) return made.status();
    store = std::move(*made);
  }
  return std::unique_ptr<SimulatedStore>(new SimulatedStore(world, std::move(store)));
}

SimulatedStore::~SimulatedStore() { EmptyStores::Get().Give(std::move(store_)); }

absl::Status SimulatedStore::Write(std::span<StoreRow> rows) {
  if (absl::Status entered = world_->Enter("write"); !entered.ok()) return entered;
  const absl::Status written = store_->Write(rows);
  if (written.ok()) {
    for (const StoreRow& row : rows) {
      if (!row.status.ok()) continue;
      world_->Effect({.id = row.id, .digest = DigestOfMessage(row.message_digest), .repeat = row.repeat, .ends = true});
    }
  }
  absl::Status left = world_->Leave();
  return written.ok() ? left : written;
}

void SimulatedStore::ForEachState(const std::function<void(std::string_view, std::string_view)>& callback) {
  std::map<std::string, Versions> records;
  const absl::Status read = store_->ForEachLine({.receipts = true}, [&](const StoreLine& line) {
    if (line.table == StoreLine::Table::kReceipts) {
      callback(absl::StrCat("receipt ", std::string(line.key)), line.text);
      return;
    }
    Versions& record = records[absl::StrCat("listing ", std::string(line.owner), "/", std::string(line.key))];
    if (line.table == StoreLine::Table::kListings) {
      record.current = line.version;
    } else {
      ++record.older;
    }
    // Lines of one record come in the order of their versions.
    record.digest = bus::Digest64(line.text, record.digest);
  });
  MR_CHECK(read.ok()) << read.ToString();
  char digest[16];
  for (const auto& [key, record] : records) {
    bus::WriteHex(record.digest, digest);
    callback(key,
             absl::StrCat(record.current, ", ", record.older, " older, all ", std::string(digest, sizeof(digest))));
  }
}

}  // namespace millrace::property
