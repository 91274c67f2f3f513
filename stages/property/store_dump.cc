// A store as sorted text.
#include <algorithm>
#include <string>
#include <string_view>

#include "stages/property/store_port.h"

namespace millrace::property {
namespace {

// Owner, key and version of each row, and all of it as one string. quote() writes every value so that it can be told from every other, NULL from '' and 1 from
// '1'.
constexpr char kListings[] =
    "SELECT system, listing_key, modified_us || ' ' || digest, 'listing ' || quote(system) || ' ' || "
    "quote(listing_key) || ' ' || kind || ' ' || modified_us || ' ' || "
    "digest || ' deleted=' || deleted || "
    "' findings=' || findings || ' ' || quote(status) || ' ' || quote(property_type) || ' price=' || "
    "quote(price_minor) || ' ' || quote(currency) || "
    "' project=' || quote(project_value_minor) || ' rooms=' || quote(bedrooms) || ',' || quote(bathrooms) || ' built=' "
    "|| quote(year_built) || ' ' || "
    "quote(address) || ' ' || quote(city) || ' ' || quote(state) || ' ' || quote(postal_code) || ' ' || quote(country) "
    "|| ' at=' || quote(latitude) || "
    "',' || quote(longitude) || ' of=' || quote(property_id) || ' bytes=' || length(body) FROM listings ORDER BY "
    "system, listing_key";
constexpr char kHistory[] =
    "SELECT system, listing_key, modified_us || ' ' || digest, 'history ' || quote(system) || ' ' || "
    "quote(listing_key) || ' ' || modified_us || ' ' || digest || ' "
    "bytes=' || length(body) "
    "FROM history ORDER BY system, listing_key, modified_us, digest";
constexpr char kReceipts[] =
    "SELECT root, id, digest, 'receipt ' || quote(id) || ' ' || quote(root) || ' ' || quote(share) || ' ' || digest "
    "FROM receipts ORDER "
    "BY root, id";

struct Query {
  StoreLine::Table table;
  const char* sql;
};
constexpr Query kQueries[] = {{StoreLine::Table::kListings, kListings},
                              {StoreLine::Table::kHistory, kHistory},
                              {StoreLine::Table::kReceipts, kReceipts}};

absl::Status Dump(SqliteDb* db, const StoreDumpOptions& options,
                  const std::function<void(const StoreLine&)>& callback) {
  for (const Query& query : kQueries) {
    if (query.table == StoreLine::Table::kReceipts && !options.receipts) continue;
    absl::StatusOr<SqliteStatement> rows = db->Prepare(query.sql);
    if (!rows.ok()) return rows.status();
    absl::StatusOr<bool> row;
    for (row = rows->Step(); row.ok() && *row; row = rows->Step()) {
      callback({.table = query.table,
                .owner = rows->Text(0),
                .key = rows->Text(1),
                .version = rows->Text(2),
                .text = rows->Text(3)});
    }
    if (!row.ok()) return row.status();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SqliteStore::ForEachLine(const StoreDumpOptions& options,
                                      const std::function<void(const StoreLine&)>& callback) {
  std::lock_guard lock(mutex_);
  if (db_ == nullptr) return absl::FailedPreconditionError("the store is closed");
  return Dump(db_.get(), options, callback);
}

absl::Status DumpStore(const std::string& path, const StoreDumpOptions& options,
                       const std::function<void(std::string_view)>& callback) {
  absl::StatusOr<std::unique_ptr<SqliteDb>> db = SqliteDb::Open(path, SqliteDb::Mode::kReadOnly);
  if (!db.ok()) return db.status();
  return Dump(db->get(), options, [&](const StoreLine& line) { callback(line.text); });
}

}  // namespace millrace::property
