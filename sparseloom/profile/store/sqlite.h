// Private to profile: the little of SQLite's C interface that the database needs, with Status for its errors.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "sparseloom/base/status.h"

namespace sparseloom::profile {

/// A prepared statement. Bind parameters from 1, then step().
class Statement {
 public:
  Status bind(int index, std::string_view text);
  Status bind(int index, double value);
  Status bind(int index, std::int64_t value);
  /// True: a row stands ready; false: done.
  Result<bool> step();
  Status reset();

  std::string text(int column) const;
  double number(int column) const { return sqlite3_column_double(statement_.get(), column); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

 private:
  friend class Connection;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  Statement(sqlite3_stmt* statement, const std::string& path) : statement_(statement), path_(path) {}
  Status check(int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

/// An open database file.
class Connection {
 public:
  static Result<Connection> open(const std::filesystem::path& path);

  Result<Statement> prepare(std::string_view sql) const;
  /// Runs statements that return nothing of interest.
  Status execute(const std::string& sql) const;
  /// The first column of the only row.
  Result<std::int64_t> integer(std::string_view sql) const;
  Result<std::string> text(std::string_view sql) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  Connection(sqlite3* db, std::filesystem::path path) : db_(db), path_(std::move(path)) {}
  std::unique_ptr<sqlite3, Close> db_;
  std::filesystem::path path_;
};

/// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(const Connection& connection);
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(const Connection& connection) : connection_(&connection) {}
  const Connection* connection_;
};

}  // namespace sparseloom::profile
