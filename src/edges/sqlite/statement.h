// SQLite's C interface with our errors; only for this folder's .cc files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace godwit::sqlite {

// The error of the last failed call.
std::unexpected<Error> sqlite_error(sqlite3* db, std::string_view what);

Status execute(sqlite3* db, const char* sql);

// One prepared statement. Binds count from 1, columns from 0, as in SQLite.
class Statement {
 public:
  static Result<Statement> prepare(sqlite3* db, std::string_view sql);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  void bind(int index, std::string_view text);  // Copied.
  void bind(int index, std::uint64_t number);
  Result<bool> step();  // True: a row is there.
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  sqlite3* db_;
  sqlite3_stmt* statement_;
};

// Rolls back unless committed.
class Transaction {
 public:
  // IMMEDIATE: the write lock is taken now, so what is read in it stays true until commit().
  static Result<Transaction> begin(sqlite3* db, bool immediate);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

}  // namespace godwit::sqlite
