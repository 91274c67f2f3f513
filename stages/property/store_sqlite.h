// SQLite as C++: a connection and statements that close themselves, and its result codes as statuses.
//
// Threading: one thread at a time per connection and its statements.
#ifndef MILLRACE_STAGES_PROPERTY_STORE_SQLITE_H_
#define MILLRACE_STAGES_PROPERTY_STORE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::property {

class SqliteDb;

// A prepared statement. Parameters are numbered from 1, columns from 0; bound bytes must live until Reset.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  explicit operator bool() const { return statement_ != nullptr; }  // prepared
  void Bind(int parameter, std::string_view text);
  void BindOrNull(int parameter, std::string_view text);  // empty: NULL
  void BindBlob(int parameter, std::string_view bytes);
  void Bind(int parameter, int64_t value);
  void Bind(int parameter, double value);
  void BindNull(int parameter);

  // True: there is a row; false: done.
  absl::StatusOr<bool> Step();
  // Runs to the end and resets.
  absl::Status Run();
  void Reset();

  std::string_view Text(int column) const;
  int64_t Integer(int column) const;

 private:
  friend class SqliteDb;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteDb {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  // Errors: NotFound, PermissionDenied, InvalidArgument (no database), Unavailable; all name the file.
  static absl::StatusOr<std::unique_ptr<SqliteDb>> Open(const std::string& path, Mode mode);

  absl::Status Execute(const std::string& sql);
  absl::StatusOr<SqliteStatement> Prepare(const std::string& sql);
  // Of the last statement that changed something.
  int Changes() const { return sqlite3_changes(db_.get()); }
  int64_t LastRowId() const { return sqlite3_last_insert_rowid(db_.get()); }

  // What a result code says about the world. Unavailable: nothing about the data is wrong, try again (busy, disk full,
  // I/O). Internal: this one row breaks a rule of the schema.
  absl::Status StatusOf(int code) const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  explicit SqliteDb(std::string path) : path_(std::move(path)) {}
  const std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace millrace::property

#endif  // MILLRACE_STAGES_PROPERTY_STORE_SQLITE_H_
