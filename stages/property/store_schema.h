// The tables of the store, and the statements over them.
#ifndef MILLRACE_STAGES_PROPERTY_STORE_SCHEMA_H_
#define MILLRACE_STAGES_PROPERTY_STORE_SCHEMA_H_

namespace millrace::property {

inline constexpr int kStoreSchemaVersion = 1;  // PRAGMA user_version

// Rows with bodies lie in the order of arrival and are found through an index of keys only: what a transaction touches
// at random are small index pages. Receipts are found by root and id: an id never has two roots, as it is derived from
// what it came from, and roots of one feed are neighbours where ids are digests, scattered over the whole table
// (measured at 300,000 records: 9 µs of CPU a record instead of 21).
inline constexpr char kStoreSchema[] = R"sql(
CREATE TABLE listings (
  system TEXT NOT NULL,          -- which source
  listing_key TEXT NOT NULL,     -- the record's key in it
  kind TEXT NOT NULL,            -- listing, sale, permit
  property_id TEXT,              -- UniversalPropertyId: what records about one property share
  modified_us INTEGER NOT NULL,  -- ModificationTimestamp, microseconds since 1970-01-01T00:00:00Z
  digest TEXT NOT NULL,          -- of body
  deleted INTEGER NOT NULL,      -- the source asks that it be deleted
  findings INTEGER NOT NULL,     -- how many checks found something odd
  status TEXT,                   -- StandardStatus
  property_type TEXT,
  price_minor INTEGER,           -- ClosePrice where there is one, else ListPrice; cents of
  currency TEXT,
  project_value_minor INTEGER,   -- of a permit: what the work costs
  bedrooms INTEGER,
  bathrooms INTEGER,
  year_built INTEGER,
  address TEXT,                  -- the delivery line in its standard form
  city TEXT,
  state TEXT,
  postal_code TEXT,
  country TEXT,
  latitude REAL,
  longitude REAL,
  body BLOB NOT NULL,            -- millrace.property.Listing, Protobuf
  UNIQUE (system, listing_key)
);
CREATE TABLE history (
  system TEXT NOT NULL,
  listing_key TEXT NOT NULL,
  modified_us INTEGER NOT NULL,
  digest TEXT NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (system, listing_key, modified_us, digest)
);
CREATE VIEW versions AS
  SELECT system, listing_key, modified_us, digest, 1 AS current, body FROM listings
  UNION ALL SELECT system, listing_key, modified_us, digest, 0, body FROM history;
CREATE TABLE receipts (
  root TEXT NOT NULL,            -- the job that the message descends from
  id TEXT NOT NULL,              -- of the message that ended here
  share TEXT,                    -- which part of that job; NULL: all of it
  reason TEXT NOT NULL,          -- stored, superseded, repeated
  digest TEXT NOT NULL,          -- of the message
  PRIMARY KEY (root, id)
) WITHOUT ROWID;
CREATE TABLE alarms (
  id TEXT NOT NULL,
  digest TEXT NOT NULL,          -- of the message that had ended here
  other_digest TEXT NOT NULL,    -- of the one that came later under the same id, and was not applied
  PRIMARY KEY (id, digest, other_digest)
) WITHOUT ROWID;
)sql";

inline constexpr char kFindSql[] =
    "SELECT rowid, modified_us, digest FROM listings WHERE system = ?1 AND listing_key = ?2";

inline constexpr char kInsertSql[] =
    "INSERT INTO listings (system, listing_key, kind, modified_us, digest, deleted, findings, status, property_type, "
    "price_minor, currency, project_value_minor, bedrooms, bathrooms, year_built, address, city, state, postal_code, "
    "country, latitude, longitude, body, property_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
    "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)";

inline constexpr char kUpdateSql[] =
    "UPDATE listings SET kind = ?3, modified_us = ?4, digest = ?5, deleted = ?6, findings = ?7, status = ?8, "
    "property_type = ?9, price_minor = ?10, currency = ?11, project_value_minor = ?12, bedrooms = ?13, "
    "bathrooms = ?14, year_built = ?15, address = ?16, city = ?17, state = ?18, postal_code = ?19, country = ?20, "
    "latitude = ?21, longitude = ?22, body = ?23, property_id = ?24 WHERE system = ?1 AND listing_key = ?2";

inline constexpr char kToHistorySql[] =
    "INSERT INTO history (system, listing_key, modified_us, digest, body) "
    "SELECT system, listing_key, modified_us, digest, body FROM listings WHERE rowid = ?1";

inline constexpr char kInsertHistorySql[] =
    "INSERT INTO history (system, listing_key, modified_us, digest, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO "
    "NOTHING";

inline constexpr char kInsertReceiptSql[] =
    "INSERT INTO receipts (id, root, share, reason, digest) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";

inline constexpr char kFindReceiptSql[] = "SELECT digest FROM receipts WHERE root = ?1 AND id = ?2";

inline constexpr char kInsertAlarmSql[] =
    "INSERT INTO alarms (id, digest, other_digest) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

inline constexpr char kClearSql[] =
    "BEGIN IMMEDIATE; DELETE FROM listings; DELETE FROM history; DELETE FROM receipts; DELETE FROM alarms; COMMIT;";

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_STORE_SCHEMA_H_
