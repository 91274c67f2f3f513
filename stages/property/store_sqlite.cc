#include "stages/property/store_sqlite.h"

#include "absl/strings/str_cat.h"

namespace millrace::property {
namespace {

// How long a lock of another process (somebody looking at the results) is waited for.
constexpr int kBusyMs = 2000;

absl::Status StatusFor(int code, const std::string& message) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return absl::OkStatus();
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
      return absl::InvalidArgumentError(message);
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
      return absl::InternalError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status StatusFor(sqlite3* db, int code) {
  const char* file = sqlite3_db_filename(db, "main");
  return StatusFor(code, absl::StrCat(file == nullptr ? "SQLite" : file, ": ", sqlite3_errmsg(db)));
}

}  // namespace

void SqliteStatement::Bind(int parameter, std::string_view text) {
  sqlite3_bind_text(statement_.get(), parameter, text.data() == nullptr ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}
void SqliteStatement::BindOrNull(int parameter, std::string_view text) {
  text.empty() ? BindNull(parameter) : Bind(parameter, text);
}
void SqliteStatement::BindBlob(int parameter, std::string_view bytes) {
  sqlite3_bind_blob(statement_.get(), parameter, bytes.data() == nullptr ? "" : bytes.data(),
                    static_cast<int>(bytes.size()), SQLITE_STATIC);
}
void SqliteStatement::Bind(int parameter, int64_t value) { sqlite3_bind_int64(statement_.get(), parameter, value); }
void SqliteStatement::Bind(int parameter, double value) { sqlite3_bind_double(statement_.get(), parameter, value); }
void SqliteStatement::BindNull(int parameter) { sqlite3_bind_null(statement_.get(), parameter); }

absl::StatusOr<bool> SqliteStatement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return StatusFor(sqlite3_db_handle(statement_.get()), code);
}

absl::Status SqliteStatement::Run() {
  absl::StatusOr<bool> row = true;
  while (row.ok() && *row) row = Step();
  Reset();
  return row.status();
}

void SqliteStatement::Reset() { sqlite3_reset(statement_.get()); }

std::string_view SqliteStatement::Text(int column) const {
  // Bytes as they are: a blob and a text alike.
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(bytes), bytes == nullptr ? 0 : static_cast<size_t>(size)};
}

int64_t SqliteStatement::Integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

absl::StatusOr<std::unique_ptr<SqliteDb>> SqliteDb::Open(const std::string& path, Mode mode) {
  std::unique_ptr<SqliteDb> db(new SqliteDb(path));
  sqlite3* raw = nullptr;
  // Without SQLite's own mutexes: users take turns by themselves.
  const int flags = (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  db->db_.reset(raw);
  if (code != SQLITE_OK) {
    const std::string message =
        absl::StrCat("cannot open the store ", path, ": ", raw == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(raw));
    const bool missing = (code & 0xff) == SQLITE_CANTOPEN;
    return missing ? absl::NotFoundError(absl::StrCat(message, " (is the folder there, and may it be written?)"))
                   : StatusFor(code, message);
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyMs);
  return db;
}

absl::Status SqliteDb::Execute(const std::string& sql) {
  return StatusOf(sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr));
}

absl::StatusOr<SqliteStatement> SqliteDb::Prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  SqliteStatement statement;
  statement.statement_.reset(raw);
  if (code != SQLITE_OK) return StatusOf(code);
  return statement;
}

absl::Status SqliteDb::StatusOf(int code) const {
  if (code == SQLITE_OK) return absl::OkStatus();
  return StatusFor(code, absl::StrCat(path_, ": ", sqlite3_errmsg(db_.get())));
}

}  // namespace millrace::property
