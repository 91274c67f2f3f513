// DumpStore: a store as sorted text.
#include <algorithm>
#include <string>
#include <string_view>

#include "stages/property/store_port.h"

namespace millrace::property {
namespace {

// One string for each row. quote() writes every value so that it can be told from every other, NULL from '' and 1 from
// '1'.
constexpr char kListings[] =
    "SELECT 'listing ' || quote(system) || ' ' || quote(listing_key) || ' ' || kind || ' ' || modified_us || ' ' || "
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
    "SELECT 'history ' || quote(system) || ' ' || quote(listing_key) || ' ' || modified_us || ' ' || digest || ' "
    "bytes=' || length(body) "
    "FROM history ORDER BY system, listing_key, modified_us, digest";
constexpr char kReceipts[] =
    "SELECT 'receipt ' || quote(id) || ' ' || quote(root) || ' ' || quote(share) || ' ' || digest FROM receipts ORDER "
    "BY root, id";

absl::Status DumpQuery(SqliteDb* db, const char* sql, const std::function<void(std::string_view)>& callback) {
  absl::StatusOr<SqliteStatement> rows = db->Prepare(sql);
  if (!rows.ok()) return rows.status();
  while (true) {
    absl::StatusOr<bool> row = rows->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    callback(rows->Text(0));
  }
}

}  // namespace

absl::Status DumpStore(const std::string& path, const StoreDumpOptions& options,
                       const std::function<void(std::string_view)>& callback) {
  absl::StatusOr<std::unique_ptr<SqliteDb>> db = SqliteDb::Open(path, SqliteDb::Mode::kReadOnly);
  if (!db.ok()) return db.status();
  for (const char* sql : {kListings, kHistory}) {
    if (absl::Status dumped = DumpQuery(db->get(), sql, callback); !dumped.ok()) return dumped;
  }
  return options.receipts ? DumpQuery(db->get(), kReceipts, callback) : absl::OkStatus();
}

}  // namespace millrace::property
