// A Store in one SQLite file (and its -wal and -shm beside it): for one controller and its
// successors on one host. WAL with synchronous=FULL: what commit() returned for survives a crash of
// the process and of the host.
//
// Schema: PRAGMA user_version is its number, kSchema; 0 and no table is a new file. The table
// `store` has one row, the version and the incarnation; `guests`, `nodes`, `groups` and `fleet`
// have a row per id, `events` and `moves` the newest by number, as JSON (row_json.h). Each release
// migrates the schema before its own, in open().
#pragma once

#include <memory>
#include <string>

#include "ports/store.h"

struct sqlite3;

namespace godwit::sqlite {

inline constexpr int kSchema = 3;

class SqliteStore final : public ports::Store {
 public:
  // Makes the file if it is not there, with `incarnation` as the fleet's; the file's own stays.
  // DataLoss: it is damaged or no store. FailedPrecondition: a newer release wrote it.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                   const std::string& incarnation);
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  // The fleet's name in the cloud's tags: random at the first start, for ever the same.
  const std::string& incarnation() const { return incarnation_; }

  // DataLoss names the row that is damaged.
  Result<ports::Rows> load() override;
  // InvalidArgument: a row cannot be written exactly, and nothing was written. Unavailable: another
  // process kept the file for longer than a second. ResourceExhausted: no space.
  Status commit(std::uint64_t version, std::span<const ports::RowWrite> writes) override;

 private:
  explicit SqliteStore(sqlite3* db) : db_(db) {}
  Status prepare(const std::string& incarnation);
  Result<ports::Rows> read();
  Status write(std::uint64_t version, std::span<const ports::RowWrite> writes);

  sqlite3* const db_;
  std::string incarnation_;
};

}  // namespace godwit::sqlite
