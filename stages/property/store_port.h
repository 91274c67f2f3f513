// The port that the property pipeline's results go through, and its real implementation: one SQLite file.
//
// What is in it is a function of the set of records written, not of their order or number: of one record's versions the
// current one is the greatest by (ModificationTimestamp, digest of the content); all others lie in `history`.
//
//   listings   the current version of each record, a row each: what most people look at
//   history    every other distinct version
//   versions   a view over both
//   receipts   one row for each message that ended here: the inbox that recognises repeats, and what the ledger reads
//   alarms     ids that came with two contents: a stage that is not deterministic, or two versions of it
//
// A receipt is written in the transaction of its effect, and the transaction is on the disk when Write returns (WAL,
// synchronous=FULL): the message is settled after that, so that a power cut can bring it again but never lose it. The
// option synchronous=normal gives up the second half: a power cut may then take the last transactions although their
// messages were settled.
#ifndef MILLRACE_STAGES_PROPERTY_STORE_PORT_H_
#define MILLRACE_STAGES_PROPERTY_STORE_PORT_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stages/port.h"
#include "stages/property/listing.pb.h"
#include "stages/property/store_sqlite.h"
#include "stages/receipts.h"

namespace millrace::property {

// One record to keep. Views and pointers live until Write returns.
struct StoreRow {
  std::string_view id, root, share;  // of the message
  std::string_view message_digest;   // of the message: the same id with another digest is an alarm
  const Listing* listing = nullptr;  // with listing_key and modification_timestamp_us
  std::string_view body;             // the listing as it came
  absl::Status status;               // out: what is wrong with this row alone
  bool repeat = false;               // out: the message had ended here before, and nothing was done for it
};

struct StoreCounts {
  uint64_t stored = 0;      // became the current version
  uint64_t superseded = 0;  // an older version than the current one
  uint64_t repeated = 0;    // the current version again, in another message
  uint64_t duplicates = 0;  // a message that had ended here before
  uint64_t alarms = 0;      // … with another content
};

// Threading: any thread.
class ListingStore : public stages::Port, public stages::ReceiptSource {
 public:
  // All rows in one transaction. Blocking until it is durable.
  // Errors: Unavailable when the store can't take anything now (busy, disk full, I/O error): nothing was written. What
  // is wrong with one row is in its status, and the others are written.
  virtual absl::Status Write(std::span<StoreRow> rows) = 0;
  virtual StoreCounts counts() const = 0;
};

struct StoreDumpOptions {
  bool receipts = false;  // also the receipts, without their reasons (which tell of the order of arrival)
};

// A row of a store as text: equal rows give equal texts.
struct StoreLine {
  enum class Table { kListings, kHistory, kReceipts };
  Table table = Table::kListings;
  std::string_view owner;    // the record's system; of a receipt, the root
  std::string_view key;      // the record's key; of a receipt, the message's id
  std::string_view version;  // "modified_us digest"; of a receipt, the digest
  std::string_view text;
};

class SqliteStore final : public ListingStore {
 public:
  enum class Sync { kFull, kNormal };
  // Makes the file and its tables where there are none. Errors: as SqliteDb::Open; FailedPrecondition for a file with
  // other tables.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(const std::string& path, Sync sync);
  // A store that is gone with the object; all else is as with a file.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> OpenInMemory();
  ~SqliteStore() override;

  absl::Status Write(std::span<StoreRow> rows) override;
  StoreCounts counts() const override;
  absl::Status ForEachReceipt(const std::function<void(const stages::Receipt&)>& callback) override;
  // The content as it is now, a call for each row, sorted. Errors: FailedPrecondition after Close.
  absl::Status ForEachLine(const StoreDumpOptions& options, const std::function<void(const StoreLine&)>& callback);
  // Takes everything out, as if newly made.
  absl::Status Clear();
  // Writes back the log, so that one file is left.
  absl::Status Close() override;

 private:
  enum class Effect { kDuplicate, kAlarm, kStored, kSuperseded, kRepeated };
  struct Current {
    bool found = false, newer = false, same = false;
    int64_t row = 0;
  };

  explicit SqliteStore(std::unique_ptr<SqliteDb> db) : path_(db->path()), db_(std::move(db)) {}
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Make(const std::string& path, const std::string& tuning);
  absl::Status Prepare();
  absl::Status WriteAll(std::span<StoreRow> rows, StoreCounts* counts, bool* again);
  absl::StatusOr<Effect> WriteOne(const StoreRow& row);
  absl::StatusOr<Current> FindCurrent(const StoreRow& row, std::string_view digest);
  absl::StatusOr<bool> InsertReceipt(const StoreRow& row, std::string_view reason);
  absl::StatusOr<Effect> CheckKnown(const StoreRow& row);
  absl::Status KeepVersion(const StoreRow& row, std::string_view digest, const Current& current);
  void BindListing(SqliteStatement* statement, const StoreRow& row, std::string_view digest);

  const std::string path_;
  mutable std::mutex mutex_;  // everything below
  std::unique_ptr<SqliteDb> db_;
  SqliteStatement begin_, commit_, rollback_;
  SqliteStatement find_, insert_, update_, to_history_, insert_history_;
  SqliteStatement insert_receipt_, find_receipt_, insert_alarm_;
  std::array<SqliteStatement, 3> lines_;  // of ForEachLine, by table; made when first asked for
  StoreCounts counts_;
};

// The content of a store as text, a line for each row, sorted: equal contents give equal lines. `path` is not being
// written to.
absl::Status DumpStore(const std::string& path, const StoreDumpOptions& options,
                       const std::function<void(std::string_view line)>& callback);

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_STORE_PORT_H_
