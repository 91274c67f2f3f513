#include "stages/property/store_port.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/digest.h"
#include "stages/property/store_schema.h"

namespace millrace::property {
namespace {

// 32 MiB of pages in memory, a log of up to 32 MiB between write-backs: large enough that a page changed by many
// transactions is written back once.
constexpr char kTuning[] =
    "PRAGMA journal_mode=WAL; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=8192; PRAGMA temp_store=MEMORY;";

constexpr int kTuningTries = 100;

constexpr char kInMemory[] = ":memory:";

std::string DigestOfBody(std::string_view body) {
  std::string hex(16, '0');
  bus::WriteHex(bus::Digest64(body), hex.data());
  return hex;
}

std::string_view KindName(Origin::Kind kind) {
  switch (kind) {
    case Origin::LISTING:
      return "listing";
    case Origin::SALE:
      return "sale";
    case Origin::PERMIT:
      return "permit";
    default:
      return "unknown";
  }
}

void BindMoney(SqliteStatement* statement, int parameter, bool has, const Money& money) {
  has ? statement->Bind(parameter, static_cast<int64_t>(money.minor_units())) : statement->BindNull(parameter);
}

void BindCount(SqliteStatement* statement, int parameter, bool has, int32_t count) {
  has ? statement->Bind(parameter, static_cast<int64_t>(count)) : statement->BindNull(parameter);
}

void BindDegrees(SqliteStatement* statement, int parameter, bool has, int64_t e8) {
  has ? statement->Bind(parameter, static_cast<double>(e8) / 1e8) : statement->BindNull(parameter);
}

// Going over to a write-ahead log does not wait for others who open the file at the same moment: it is told "locked" at
// once. A transaction does wait, so one that does nothing stands between two tries.
absl::Status Tune(SqliteDb* db, const std::string& tuning) {
  absl::Status tuned = db->Execute(tuning);
  for (int tries = 1; absl::IsUnavailable(tuned) && tries < kTuningTries; ++tries) {
    if (absl::Status turn = db->Execute("BEGIN IMMEDIATE; COMMIT"); !turn.ok()) return turn;
    tuned = db->Execute(tuning);
  }
  return tuned;
}

absl::StatusOr<int64_t> OneNumber(SqliteDb* db, const std::string& query) {
  absl::StatusOr<SqliteStatement> statement = db->Prepare(query);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return statement->Integer(0);
}

// In a write transaction.
absl::Status MakeTablesUnlessThere(SqliteDb* db) {
  const absl::StatusOr<int64_t> version = OneNumber(db, "PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == kStoreSchemaVersion) return absl::OkStatus();
  const absl::StatusOr<int64_t> tables = OneNumber(db, "SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return tables.status();
  if (*version != 0 || *tables != 0) {
    return absl::FailedPreconditionError(absl::StrCat(db->path(), " is a database with other tables (version ",
                                                      *version, ", expected ", kStoreSchemaVersion,
                                                      "): use another output folder, or move it away"));
  }
  return db->Execute(absl::StrCat(kStoreSchema, "PRAGMA user_version=", kStoreSchemaVersion));
}

// Several processes may open a new store at the same moment: whoever comes second finds the tables made.
absl::Status MakeTables(SqliteDb* db) {
  const absl::StatusOr<int64_t> version = OneNumber(db, "PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == kStoreSchemaVersion) return absl::OkStatus();
  if (absl::Status begun = db->Execute("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  absl::Status made = MakeTablesUnlessThere(db);
  made.Update(db->Execute(made.ok() ? "COMMIT" : "ROLLBACK"));
  return made;
}

absl::Status ReadReceipts(SqliteDb* db, const std::function<void(const stages::Receipt&)>& callback) {
  absl::StatusOr<SqliteStatement> all = db->Prepare("SELECT id, root, share, reason, digest FROM receipts");
  if (!all.ok()) return all.status();
  while (true) {
    absl::StatusOr<bool> row = all->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    callback({.id = all->Text(0),
              .root = all->Text(1),
              .share = all->Text(2),
              .reason = all->Text(3),
              .digest = all->Text(4)});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Make(const std::string& path, const std::string& tuning) {
  absl::StatusOr<std::unique_ptr<SqliteDb>> db = SqliteDb::Open(path, SqliteDb::Mode::kReadWrite);
  if (!db.ok()) return db.status();
  if (absl::Status tuned = Tune(db->get(), tuning); !tuned.ok()) return tuned;
  if (absl::Status made = MakeTables(db->get()); !made.ok()) return made;
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(*db)));
  if (absl::Status prepared = store->Prepare(); !prepared.ok()) return prepared;
  return store;
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path, Sync sync) {
  const std::string synchronous = sync == Sync::kFull ? "PRAGMA synchronous=FULL;" : "PRAGMA synchronous=NORMAL;";
  return Make(path, kTuning + synchronous);
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::OpenInMemory() { return Make(kInMemory, ""); }

SqliteStore::~SqliteStore() = default;

absl::Status SqliteStore::Prepare() {
  const std::pair<SqliteStatement*, const char*> all[] = {{&begin_, "BEGIN IMMEDIATE"},
                                                          {&commit_, "COMMIT"},
                                                          {&rollback_, "ROLLBACK"},
                                                          {&find_, kFindSql},
                                                          {&insert_, kInsertSql},
                                                          {&update_, kUpdateSql},
                                                          {&to_history_, kToHistorySql},
                                                          {&insert_history_, kInsertHistorySql},
                                                          {&insert_receipt_, kInsertReceiptSql},
                                                          {&find_receipt_, kFindReceiptSql},
                                                          {&insert_alarm_, kInsertAlarmSql}};
  for (const auto& [statement, sql] : all) {
    absl::StatusOr<SqliteStatement> prepared = db_->Prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return absl::OkStatus();
}

absl::StatusOr<SqliteStore::Current> SqliteStore::FindCurrent(const StoreRow& row, std::string_view digest) {
  find_.Bind(1, row.listing->origin().system());
  find_.Bind(2, row.listing->listing_key());
  absl::StatusOr<bool> found = find_.Step();
  Current current;
  if (found.ok() && *found) {
    const std::pair<int64_t, std::string_view> theirs(find_.Integer(1), find_.Text(2));
    const std::pair<int64_t, std::string_view> ours(row.listing->modification_timestamp_us(), digest);
    current = {.found = true, .newer = ours > theirs, .same = ours == theirs, .row = find_.Integer(0)};
  }
  find_.Reset();
  if (!found.ok()) return found.status();
  return current;
}

// False: there is one under this id.
absl::StatusOr<bool> SqliteStore::InsertReceipt(const StoreRow& row, std::string_view reason) {
  insert_receipt_.Bind(1, row.id);
  insert_receipt_.Bind(2, row.root);
  insert_receipt_.BindOrNull(3, row.share);
  insert_receipt_.Bind(4, reason);
  insert_receipt_.Bind(5, row.message_digest);
  if (absl::Status inserted = insert_receipt_.Run(); !inserted.ok()) return inserted;
  return db_->Changes() > 0;
}

absl::StatusOr<SqliteStore::Effect> SqliteStore::CheckKnown(const StoreRow& row) {
  find_receipt_.Bind(1, row.root);
  find_receipt_.Bind(2, row.id);
  absl::StatusOr<bool> found = find_receipt_.Step();
  const std::string known = found.ok() && *found ? std::string(find_receipt_.Text(0)) : std::string();
  find_receipt_.Reset();
  if (!found.ok()) return found.status();
  if (known == row.message_digest) return Effect::kDuplicate;
  insert_alarm_.Bind(1, row.id);
  insert_alarm_.Bind(2, known);
  insert_alarm_.Bind(3, row.message_digest);
  if (absl::Status noted = insert_alarm_.Run(); !noted.ok()) return noted;
  return Effect::kAlarm;
}

void SqliteStore::BindListing(SqliteStatement* s, const StoreRow& row, std::string_view digest) {
  const Listing& listing = *row.listing;
  s->Bind(1, listing.origin().system());
  s->Bind(2, listing.listing_key());
  s->Bind(3, KindName(listing.origin().kind()));
  s->Bind(4, static_cast<int64_t>(listing.modification_timestamp_us()));
  s->Bind(5, digest);
  s->Bind(6, static_cast<int64_t>(listing.deleted()));
  s->Bind(7, static_cast<int64_t>(listing.finding_size()));
  s->BindOrNull(8, listing.standard_status());
  s->BindOrNull(9, listing.property_type());
  const bool closed = listing.has_close_price();
  const Money& price = closed ? listing.close_price() : listing.list_price();
  BindMoney(s, 10, closed || listing.has_list_price(), price);
  s->BindOrNull(11, listing.has_project_value() ? listing.project_value().currency() : price.currency());
  BindMoney(s, 12, listing.has_project_value(), listing.project_value());
  BindCount(s, 13, listing.has_bedrooms_total(), listing.bedrooms_total());
  BindCount(s, 14, listing.has_bathrooms_total_integer(), listing.bathrooms_total_integer());
  BindCount(s, 15, listing.has_year_built(), listing.year_built());
  const StandardAddress& address = listing.address();
  s->BindOrNull(16, address.delivery_line());
  s->BindOrNull(17, address.city().empty() ? listing.city() : address.city());
  s->BindOrNull(18, address.state_or_province().empty() ? listing.state_or_province() : address.state_or_province());
  s->BindOrNull(19, address.postal_code().empty() ? listing.postal_code() : address.postal_code());
  s->BindOrNull(20, listing.country());
  BindDegrees(s, 21, listing.has_latitude_e8(), listing.latitude_e8());
  BindDegrees(s, 22, listing.has_longitude_e8(), listing.longitude_e8());
  s->BindBlob(23, row.body);
  s->BindOrNull(24, listing.universal_property_id());
}

absl::Status SqliteStore::KeepVersion(const StoreRow& row, std::string_view digest, const Current& current) {
  if (!current.found) {
    BindListing(&insert_, row, digest);
    return insert_.Run();
  }
  if (current.same) return absl::OkStatus();
  if (current.newer) {
    to_history_.Bind(1, current.row);
    if (absl::Status moved = to_history_.Run(); !moved.ok()) return moved;
    BindListing(&update_, row, digest);
    return update_.Run();
  }
  insert_history_.Bind(1, row.listing->origin().system());
  insert_history_.Bind(2, row.listing->listing_key());
  insert_history_.Bind(3, static_cast<int64_t>(row.listing->modification_timestamp_us()));
  insert_history_.Bind(4, digest);
  insert_history_.BindBlob(5, row.body);
  return insert_history_.Run();
}

absl::StatusOr<SqliteStore::Effect> SqliteStore::WriteOne(const StoreRow& row) {
  const std::string digest = DigestOfBody(row.body);
  absl::StatusOr<Current> current = FindCurrent(row, digest);
  if (!current.ok()) return current.status();
  const Effect effect = current->same                       ? Effect::kRepeated
                        : current->found && !current->newer ? Effect::kSuperseded
                                                            : Effect::kStored;
  const std::string_view reason = effect == Effect::kStored     ? "stored"
                                  : effect == Effect::kRepeated ? "repeated"
                                                                : "superseded";
  absl::StatusOr<bool> is_new = InsertReceipt(row, reason);
  if (!is_new.ok()) return is_new.status();
  if (!*is_new) return CheckKnown(row);
  if (absl::Status kept = KeepVersion(row, digest, *current); !kept.ok()) return kept;
  return effect;
}

// One transaction over the rows whose status is OK so far. `again`: a row was found bad and marked, and nothing is
// written.
absl::Status SqliteStore::WriteAll(std::span<StoreRow> rows, StoreCounts* counts, bool* again) {
  *again = false;
  if (absl::Status begun = begin_.Run(); !begun.ok()) return begun;
  absl::Status status;
  for (StoreRow& row : rows) {
    if (!row.status.ok()) continue;
    absl::StatusOr<Effect> effect = WriteOne(row);
    if (!effect.ok() && effect.status().code() == absl::StatusCode::kInternal) {
      row.status = effect.status();
      *again = true;
      break;
    }
    status = effect.status();
    if (!status.ok()) break;
    row.repeat = *effect == Effect::kDuplicate || *effect == Effect::kAlarm;
    ++(*effect == Effect::kStored       ? counts->stored
       : *effect == Effect::kSuperseded ? counts->superseded
       : *effect == Effect::kRepeated   ? counts->repeated
                                        : counts->duplicates);
    if (*effect == Effect::kAlarm) ++counts->alarms;
  }
  if (status.ok() && !*again) status = commit_.Run();
  if (!status.ok() || *again) {
    // Some errors have rolled back already; then this one has nothing to do, and its error says nothing.
    rollback_.Run().IgnoreError();
  }
  return status;
}

absl::Status SqliteStore::Write(std::span<StoreRow> rows) {
  std::lock_guard lock(mutex_);
  if (db_ == nullptr) return absl::UnavailableError(absl::StrCat(path_, " is closed"));
  for (bool again = true; again;) {
    StoreCounts counts = counts_;
    absl::Status written = WriteAll(rows, &counts, &again);
    if (written.ok() && !again) counts_ = counts;
    // Whatever it is, it is not the rows: they must not end as dead letters because a disk is broken.
    if (!written.ok()) return absl::UnavailableError(written.message());
  }
  return absl::OkStatus();
}

StoreCounts SqliteStore::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

absl::Status SqliteStore::ForEachReceipt(const std::function<void(const stages::Receipt&)>& callback) {
  if (path_ == kInMemory) {
    std::lock_guard lock(mutex_);
    return db_ == nullptr ? absl::FailedPreconditionError("the store is closed") : ReadReceipts(db_.get(), callback);
  }
  // A connection of its own: it reads a snapshot, while writing may go on, and also after Close.
  absl::StatusOr<std::unique_ptr<SqliteDb>> db = SqliteDb::Open(path_, SqliteDb::Mode::kReadOnly);
  return db.ok() ? ReadReceipts(db->get(), callback) : db.status();
}

absl::Status SqliteStore::Clear() {
  std::lock_guard lock(mutex_);
  if (db_ == nullptr) return absl::FailedPreconditionError("the store is closed");
  counts_ = {};
  return db_->Execute(kClearSql);
}

absl::Status SqliteStore::Close() {
  std::lock_guard lock(mutex_);
  if (db_ == nullptr) return absl::OkStatus();
  for (SqliteStatement* statement : {&begin_, &commit_, &rollback_, &find_, &insert_, &update_, &to_history_,
                                     &insert_history_, &insert_receipt_, &find_receipt_, &insert_alarm_}) {
    *statement = SqliteStatement();
  }
  lines_ = {};
  absl::Status status = db_->Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  db_ = nullptr;
  return status;
}

}  // namespace millrace::property
