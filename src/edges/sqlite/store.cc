#include "edges/sqlite/store.h"

#include <sqlite3.h>

#include <format>
#include <utility>
#include <variant>

#include "edges/sqlite/row_json.h"
#include "edges/sqlite/statement.h"

namespace godwit::sqlite {
namespace {

// Our files say so in their header (https://sqlite.org/fileformat.html, offset 68): "GDWT".
constexpr int kApplication = 0x47445754;
// Two planes overlap only while an old one ends; a commit takes milliseconds.
constexpr int kBusyMs = 1000;

constexpr char kTables[] =
    "CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL,"
    " incarnation TEXT NOT NULL);"
    "CREATE TABLE guests (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE nodes (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;";
// New in schema 2. `fleet` has at most one row.
constexpr char kTables2[] =
    "CREATE TABLE groups (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE fleet (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;";
// New in schema 3: the journal.
constexpr char kTables3[] =
    "CREATE TABLE events (number INTEGER PRIMARY KEY, row TEXT NOT NULL);"
    "CREATE TABLE moves (number INTEGER PRIMARY KEY, row TEXT NOT NULL);";
// The id of the one row of `fleet`.
using FleetId = Id<struct FleetTag>;
const FleetId kFleet{"fleet"};

Result<std::int64_t> pragma(sqlite3* db, const char* name) {
  ASSIGN_OR_RETURN(Statement read, Statement::prepare(db, std::format("PRAGMA {}", name)));
  ASSIGN_OR_RETURN(const bool there, read.step());
  return there ? read.number(0) : 0;
}

struct Head {
  std::uint64_t version = 0;
  std::string incarnation;
};

Result<Head> read_head(sqlite3* db) {
  ASSIGN_OR_RETURN(Statement read,
                   Statement::prepare(db, "SELECT version, incarnation FROM store"));
  ASSIGN_OR_RETURN(const bool there, read.step());
  if (!there || read.number(0) < 0) return data_loss("table store: no version");
  return Head{static_cast<std::uint64_t>(read.number(0)), read.text(1)};
}

Status make_tables(sqlite3* db, const std::string& incarnation) {
  TRY(execute(db, kTables));
  TRY(execute(db, kTables2));
  TRY(execute(db, kTables3));
  ASSIGN_OR_RETURN(Statement head, Statement::prepare(db, "INSERT INTO store VALUES (1, 0, ?)"));
  head.bind(1, incarnation);
  TRY(head.step());
  TRY(execute(db, std::format("PRAGMA application_id = {}", kApplication).c_str()));
  return execute(db, std::format("PRAGMA user_version = {}", kSchema).c_str());
}

// Rows get the fields that schema 2 added.
Status complete_rows(sqlite3* db, const char* table, const std::string& complete) {
  std::map<std::string, std::string> rows;
  ASSIGN_OR_RETURN(Statement read,
                   Statement::prepare(db, std::format("SELECT id, row FROM {}", table)));
  for (;;) {
    ASSIGN_OR_RETURN(const bool there, read.step());
    if (!there) break;
    const std::string id = read.text(0);
    auto row = in_context(std::format("table {}, row '{}'", table, id),
                          with_defaults(read.text(1), complete));
    if (!row) return std::unexpected(std::move(row).error());
    rows[id] = *std::move(row);
  }
  for (const auto& [id, row] : rows) {
    ASSIGN_OR_RETURN(
        Statement change,
        Statement::prepare(db, std::format("UPDATE {} SET row = ? WHERE id = ?", table)));
    change.bind(1, row);
    change.bind(2, id);
    TRY(change.step());
  }
  return {};
}

Status migrate_1(sqlite3* db) {
  TRY(execute(db, kTables2));
  ASSIGN_OR_RETURN(const std::string guest, to_text(ports::GuestRow{}));
  TRY(complete_rows(db, "guests", guest));
  ASSIGN_OR_RETURN(const std::string node, to_text(ports::NodeRow{}));
  TRY(complete_rows(db, "nodes", node));
  return execute(db, "PRAGMA user_version = 2");
}

Status migrate_2(sqlite3* db) {
  TRY(execute(db, kTables3));
  return execute(db, "PRAGMA user_version = 3");
}

template <class Id, class Row>
Status read_table(sqlite3* db, const char* table, Result<Row> (*parse)(std::string_view),
                  std::map<Id, Row>& rows) {
  ASSIGN_OR_RETURN(Statement read,
                   Statement::prepare(db, std::format("SELECT id, row FROM {}", table)));
  for (;;) {
    ASSIGN_OR_RETURN(const bool there, read.step());
    if (!there) return {};
    const Id id{read.text(0)};
    auto row = in_context(std::format("table {}, row '{}'", table, id.value), parse(read.text(1)));
    if (!row) return std::unexpected(std::move(row).error());
    rows.emplace(id, *std::move(row));
  }
}

template <class View>
Status read_journal(sqlite3* db, const char* table, Result<View> (*parse)(std::string_view),
                    std::map<std::uint64_t, View>& views) {
  ASSIGN_OR_RETURN(Statement read,
                   Statement::prepare(db, std::format("SELECT number, row FROM {}", table)));
  for (;;) {
    ASSIGN_OR_RETURN(const bool there, read.step());
    if (!there) return {};
    const auto number = static_cast<std::uint64_t>(read.number(0));
    auto view = in_context(std::format("table {}, row {}", table, number), parse(read.text(1)));
    if (!view) return std::unexpected(std::move(view).error());
    views.emplace(number, *std::move(view));
  }
}

template <class View>
Status write_journal(sqlite3* db, const char* table, const View& view) {
  ASSIGN_OR_RETURN(
      Statement change,
      Statement::prepare(db, std::format("INSERT OR REPLACE INTO {} VALUES (?, ?)", table)));
  auto text = in_context(std::format("table {}, row {}", table, view.number), to_text(view));
  if (!text) return std::unexpected(std::move(text).error());
  change.bind(1, view.number);
  change.bind(2, *text);
  TRY(change.step());
  ASSIGN_OR_RETURN(
      Statement trim,
      Statement::prepare(
          db, std::format("DELETE FROM {0} WHERE number <= (SELECT max(number) FROM {0}) - {1}",
                          table, ports::kJournalKept)));
  TRY(trim.step());
  return {};
}

template <class Id, class Row>
Status write_row(sqlite3* db, const char* table, const Id& id, const std::optional<Row>& row) {
  const std::string sql = row ? std::format("INSERT OR REPLACE INTO {} VALUES (?, ?)", table)
                              : std::format("DELETE FROM {} WHERE id = ?", table);
  ASSIGN_OR_RETURN(Statement change, Statement::prepare(db, sql));
  change.bind(1, id.value);
  if (row) {
    auto text = in_context(std::format("table {}, row '{}'", table, id.value), to_text(*row));
    if (!text) return std::unexpected(std::move(text).error());
    change.bind(2, *text);
  }
  TRY(change.step());
  return {};
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       const std::string& incarnation) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<SqliteStore> store(new SqliteStore(db));
  if (code != SQLITE_OK) return sqlite_error(db, std::format("open {}", path));
  if (const auto ready = in_context(path, store->prepare(incarnation)); !ready)
    return std::unexpected(ready.error());
  return store;
}

SqliteStore::~SqliteStore() { sqlite3_close(db_); }

Status SqliteStore::prepare(const std::string& incarnation) {
  sqlite3_busy_timeout(db_, kBusyMs);
  // The schema is looked at before the journal's mode is set: a file that is not ours stays as it
  // is, to the byte.
  ASSIGN_OR_RETURN(const std::int64_t found, pragma(db_, "user_version"));
  ASSIGN_OR_RETURN(const std::int64_t application, pragma(db_, "application_id"));
  ASSIGN_OR_RETURN(const std::int64_t pages, pragma(db_, "page_count"));
  if (found > kSchema && application == kApplication) {
    return precondition(
        std::format("schema {} of a newer release; this one reads up to {}", found, kSchema));
  }
  if (application != kApplication && pages > 0) return data_loss("not a godwit store");
  TRY(execute(db_, "PRAGMA journal_mode = WAL"));
  TRY(execute(db_, "PRAGMA synchronous = FULL"));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_, true));
  ASSIGN_OR_RETURN(const std::int64_t schema, pragma(db_, "user_version"));  // Nobody else's now.
  if (schema == 0) TRY(make_tables(db_, incarnation));
  if (schema == 1) TRY(migrate_1(db_));
  if (schema == 1 || schema == 2) TRY(migrate_2(db_));
  ASSIGN_OR_RETURN(const Head head, read_head(db_));
  incarnation_ = head.incarnation;
  return transaction.commit();
}

Result<ports::Rows> SqliteStore::load() { return in_context("store", read()); }

Result<ports::Rows> SqliteStore::read() {
  // One snapshot, whoever commits meanwhile.
  ASSIGN_OR_RETURN(const Transaction snapshot, Transaction::begin(db_, false));
  ports::Rows rows;
  ASSIGN_OR_RETURN(const Head head, read_head(db_));
  rows.version = head.version;
  TRY(read_table(db_, "guests", parse_guest_row, rows.guests));
  TRY(read_table(db_, "nodes", parse_node_row, rows.nodes));
  TRY(read_table(db_, "groups", parse_group_row, rows.groups));
  std::map<FleetId, ports::FleetRow> fleet;
  TRY(read_table(db_, "fleet", parse_fleet_row, fleet));
  rows.fleet = fleet[kFleet];
  TRY(read_journal(db_, "events", parse_event, rows.events));
  TRY(read_journal(db_, "moves", parse_move, rows.moves));
  return rows;
}

Status SqliteStore::commit(std::uint64_t version, std::span<const ports::RowWrite> writes) {
  return in_context("store", write(version, writes));
}

Status SqliteStore::write(std::uint64_t version, std::span<const ports::RowWrite> writes) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::begin(db_, true));
  ASSIGN_OR_RETURN(const Head head, read_head(db_));
  if (head.version != version) {
    return fail(Code::kAborted, std::format("it is at version {}, not {}", head.version, version));
  }
  for (const ports::RowWrite& write : writes) {
    if (const auto* guest = std::get_if<ports::GuestWrite>(&write)) {
      TRY(write_row(db_, "guests", guest->guest, guest->row));
    } else if (const auto* node = std::get_if<ports::NodeWrite>(&write)) {
      TRY(write_row(db_, "nodes", node->node, node->row));
    } else if (const auto* group = std::get_if<ports::GroupWrite>(&write)) {
      TRY(write_row(db_, "groups", group->group, group->row));
    } else if (const auto* event = std::get_if<ports::EventWrite>(&write)) {
      TRY(write_journal(db_, "events", event->event));
    } else if (const auto* move = std::get_if<ports::MoveWrite>(&write)) {
      TRY(write_journal(db_, "moves", move->move));
    } else {
      const std::optional<ports::FleetRow> row = std::get<ports::FleetWrite>(write).row;
      TRY(write_row(db_, "fleet", kFleet, row));
    }
  }
  TRY(execute(db_, "UPDATE store SET version = version + 1"));
  return transaction.commit();
}

}  // namespace godwit::sqlite
