// A store as sorted text.
#include <array>
#include <string>
#include <string_view>
#include <utility>

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

constexpr std::array<const char*, 3> kSql = {kListings, kHistory, kReceipts};  // by StoreLine::Table

using Lines = std::array<SqliteStatement, 3>;

absl::Status Dump(SqliteDb* db, Lines* lines, const StoreDumpOptions& options,
                  const std::function<void(const StoreLine&)>& callback) {
  for (size_t i = 0; i < kSql.size(); ++i) {
    const auto table = static_cast<StoreLine::Table>(i);
    if (table == StoreLine::Table::kReceipts && !options.receipts) continue;
    SqliteStatement& rows = (*lines)[i];
    if (!rows) {
      absl::StatusOr<SqliteStatement> prepared = db->Prepare(kSql[i]);
      if (!prepared.ok()) return prepared.status();
      rows = std::move(*prepared);
    }
    absl::StatusOr<bool> row;
    for (row = rows.Step(); row.ok() && *row; row = rows.Step()) {
      callback(
          {.table = table, .owner = rows.Text(0), .key = rows.Text(1), .version = rows.Text(2), .text = rows.Text(3)});
    }
    rows.Reset();
    if (!row.ok()) return row.status();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SqliteStore::ForEachLine(const StoreDumpOptions& options,
                                      const std::function<void(const StoreLine&)>& callback) {
  std::lock_guard lock(mutex_);
  if (db_ == nullptr) return absl::FailedPreconditionError("the store is closed");
  return Dump(db_.get(), &lines_, options, callback);
}

absl::Status DumpStore(const std::string& path, const StoreDumpOptions& options,
                       const std::function<void(std::string_view)>& callback) {
  absl::StatusOr<std::unique_ptr<SqliteDb>> db = SqliteDb::Open(path, SqliteDb::Mode::kReadOnly);
  if (!db.ok()) return db.status();
  Lines lines;
  return Dump(db->get(), &lines, options, [&](const StoreLine& line) { callback(line.text); });
}

}  // namespace millrace::property
