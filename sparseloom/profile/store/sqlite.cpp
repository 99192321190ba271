#include "sparseloom/profile/store/sqlite.h"

#include <utility>

namespace sparseloom::profile {
namespace {

Code kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT: return Code::kDataLoss;
    case SQLITE_FULL: return Code::kResourceExhausted;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_PERM:
    case SQLITE_AUTH: return Code::kUnavailable;
    default: return Code::kInternal;
  }
}

Status sqlite_error(const std::filesystem::path& path, sqlite3* db, int code) {
  const Code kind = kind_of(code);
  const char* message = db == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db);
  if (kind == Code::kDataLoss) {
    return error(kind, "{}: damaged, or no profile database ({}); delete it or use another file", path.string(),
                 message);
  }
  return error(kind, "{}: profile database: {}", path.string(), message);
}

}  // namespace

Status Statement::check(int code) {
  return code == SQLITE_OK ? Status() : sqlite_error(path_, sqlite3_db_handle(statement_.get()), code);
}

Status Statement::bind(int index, std::string_view text) {
  return check(
      sqlite3_bind_text(statement_.get(), index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
}
Status Statement::bind(int index, double value) { return check(sqlite3_bind_double(statement_.get(), index, value)); }
Status Statement::bind(int index, std::int64_t value) {
  return check(sqlite3_bind_int64(statement_.get(), index, value));
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return check(code);
}

Status Statement::reset() { return check(sqlite3_reset(statement_.get())); }

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

Result<Connection> Connection::open(const std::filesystem::path& path) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  Connection connection(db, path);
  if (code != SQLITE_OK) return sqlite_error(path, db, code);
  constexpr int kPatienceMs = 20000;  // another process may be writing its batch
  sqlite3_busy_timeout(db, kPatienceMs);
  return connection;
}

Result<Statement> Connection::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return sqlite_error(path_, db_.get(), code);
  return Statement(statement, path_.string());
}

Status Connection::execute(const std::string& sql) const {
  const int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : sqlite_error(path_, db_.get(), code);
}

Result<std::int64_t> Connection::integer(std::string_view sql) const {
  SL_ASSIGN_OR_RETURN(Statement statement, prepare(sql));
  SL_ASSIGN_OR_RETURN(const bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

Result<std::string> Connection::text(std::string_view sql) const {
  SL_ASSIGN_OR_RETURN(Statement statement, prepare(sql));
  SL_ASSIGN_OR_RETURN(const bool row, statement.step());
  return row ? statement.text(0) : std::string();
}

Result<Transaction> Transaction::begin(const Connection& connection) {
  SL_RETURN_IF_ERROR(connection.execute("BEGIN IMMEDIATE"));
  return Transaction(connection);
}

Status Transaction::commit() { return std::exchange(connection_, nullptr)->execute("COMMIT"); }

Transaction::~Transaction() {
  if (connection_ != nullptr) (void)connection_->execute("ROLLBACK");
}

}  // namespace sparseloom::profile
