#include "edges/sqlite/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <format>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/random.h"
#include "ports/fake_store.h"
#include "ports/store_contract.h"

namespace godwit::sqlite {
namespace {

namespace fs = std::filesystem;
using ports::full_guest_row;
using ports::GuestWrite;
using ports::NodeRow;
using ports::NodeWrite;
using ports::Rows;
using ports::RowWrite;

constexpr char kGolden1[] = "tests/golden/store_schema_1.sqlite";
constexpr char kGolden2[] = "tests/golden/store_schema_2.sqlite";
constexpr char kGolden3[] = "tests/golden/store_schema_3.sqlite";

// A folder of its own for each test.
class SqliteStoreTest : public testing::Test {
 protected:
  SqliteStoreTest() { fs::create_directories(folder_); }
  ~SqliteStoreTest() override { fs::remove_all(folder_); }

  std::string path() const { return folder_ + "/store"; }
  std::unique_ptr<SqliteStore> open() const {
    auto store = SqliteStore::open(path(), "fleet-1");
    EXPECT_TRUE(store) << to_string(store.error());
    return store ? *std::move(store) : nullptr;
  }
  void run_sql(const std::string& sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  std::string bytes() const {
    std::stringstream text;
    text << std::ifstream(path(), std::ios::binary).rdbuf();
    return text.str();
  }
  void write_bytes(const std::string& text) const {
    std::ofstream(path(), std::ios::binary) << text;
  }

  const std::string folder_ =
      std::format("{}/sqlite_test.{}.{}", testing::TempDir(), getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(SqliteStoreTest, KeepsTheContract) {
  ports::check_store_contract([&] { return open(); });
}

TEST_F(SqliteStoreTest, KeepsTheJournalsContract) {
  ports::check_journal_contract([&] { return open(); });
}

// The fleet's name is drawn once; a successor's draw does not count.
TEST_F(SqliteStoreTest, KeepsTheFirstIncarnation) {
  EXPECT_EQ(open()->incarnation(), "fleet-1");
  EXPECT_EQ(SqliteStore::open(path(), "fleet-2").value()->incarnation(), "fleet-1");
}

// A row that would come back changed is refused, and with it the whole step.
TEST_F(SqliteStoreTest, RefusesWhatItCannotWriteExactly) {
  ports::GuestRow row = full_guest_row(1);
  row.machine.append = "\xff";
  const std::vector<RowWrite> writes{NodeWrite{NodeId{"n"}, NodeRow{}},
                                     GuestWrite{GuestId{"g"}, row}};
  const auto store = open();
  EXPECT_EQ(store->commit(0, writes).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(store->load()->nodes.empty());
  EXPECT_EQ(store->load()->version, 0U);
}

TEST_F(SqliteStoreTest, RefusesTheFileOfANewerRelease) {
  ASSERT_TRUE(open());
  run_sql("PRAGMA user_version = 4");
  const std::string before = bytes();
  const auto store = SqliteStore::open(path(), "x");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(store.error().message.contains("schema 4 of a newer release"))
      << store.error().message;
  EXPECT_EQ(bytes(), before);
}

// Text, an empty database of somebody else, and a store without its tables.
TEST_F(SqliteStoreTest, RefusesWhatIsNoStore) {
  const auto code = [&] {
    const auto store = SqliteStore::open(path(), "x");
    return store ? Code::kAlreadyExists : store.error().code;
  };
  write_bytes(std::string(8192, 'x'));
  EXPECT_EQ(code(), Code::kDataLoss);
  fs::remove(path());
  run_sql("CREATE TABLE theirs (x); PRAGMA user_version = 1");
  EXPECT_EQ(code(), Code::kDataLoss);
  fs::remove(path());
  ASSERT_TRUE(open());
  run_sql("DROP TABLE store");
  EXPECT_EQ(code(), Code::kDataLoss);
}

// A damaged row is named; the store is not read around it.
TEST_F(SqliteStoreTest, NamesADamagedRow) {
  const std::vector<RowWrite> writes{GuestWrite{GuestId{"g7"}, full_guest_row(1)}};
  ASSERT_TRUE(open()->commit(0, writes));
  for (const char* row : {"{", "{}", "[]"}) {
    run_sql(std::format("UPDATE guests SET row = '{}'", row));
    const auto rows = open()->load();
    ASSERT_FALSE(rows) << row;
    EXPECT_EQ(rows.error().code, Code::kDataLoss);
    EXPECT_TRUE(rows.error().message.contains("table guests, row 'g7'")) << rows.error().message;
  }
}

// Each bit flip of the file either shows or changes nothing. Method: 300 seeded flips of one file;
// reading gives an Error or rows that parse, never a crash.
TEST_F(SqliteStoreTest, SurvivesDamagedBytes) {
  std::vector<RowWrite> writes;
  for (std::uint32_t i = 0; i < 20; ++i)
    writes.push_back(GuestWrite{GuestId{std::format("g{}", i)}, full_guest_row(i)});
  ASSERT_TRUE(open()->commit(0, writes));
  const std::string whole = bytes();
  Random random(7);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    damaged[random.below(damaged.size())] ^= static_cast<char>(1U << random.below(8));
    fs::remove(path() + "-wal");
    fs::remove(path() + "-shm");
    write_bytes(damaged);
    const auto store = SqliteStore::open(path(), "x");
    if (!store || !(*store)->load()) ++refused;
  }
  EXPECT_GT(refused, 0);
}

// --- Crashes.

// What the store holds after commit number `version`, and what that commit wrote.
std::vector<RowWrite> writes_of(std::uint32_t version) {
  const NodeId node{std::format("n{}", version % 3)};
  return {GuestWrite{GuestId{std::format("g{}", version % 5)}, full_guest_row(version)},
          version % 2 ? NodeWrite{node, NodeRow{std::to_string(version)}}
                      : NodeWrite{node, std::nullopt}};
}

Rows rows_of(std::uint64_t version) {
  ports::FakeStoreDisk disk;
  ports::FakeStore fake(disk);
  for (std::uint32_t v = 1; v <= version; ++v) EXPECT_TRUE(fake.commit(v - 1, writes_of(v)));
  return disk.rows;
}

// Commits for ever and says after each that it is done.
[[noreturn]] void commit_and_tell(const std::string& path, int pipe) {
  auto store = SqliteStore::open(path, "x");
  if (!store) _exit(1);
  auto version = static_cast<std::uint32_t>((*store)->load().value().version);
  for (;; ++version) {
    if (!(*store)->commit(version, writes_of(version + 1))) _exit(2);
    const std::uint32_t done = version + 1;
    if (write(pipe, &done, sizeof done) != sizeof done) _exit(3);
  }
}

// Goal: after kill -9 at any moment the store is at a committed version, whole, and not before the
// last one that was confirmed. Method: a child commits, is killed after a random number of
// confirmations and a random while; twenty times on one file.
TEST_F(SqliteStoreTest, SurvivesKill) {
  Random random(11);
  std::uint64_t last = 0;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      commit_and_tell(path(), ends[1]);
    }
    close(ends[1]);
    std::uint32_t told = 0;
    for (std::uint64_t left = 1 + random.below(10); left > 0; --left)
      ASSERT_EQ(read(ends[0], &told, sizeof told), static_cast<ssize_t>(sizeof told));
    usleep(static_cast<useconds_t>(random.below(4000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << status;
    while (read(ends[0], &told, sizeof told) == sizeof told) {
    }
    close(ends[0]);
    const auto rows = open()->load();
    ASSERT_TRUE(rows) << to_string(rows.error());
    EXPECT_GT(rows->version, last);
    last = rows->version;
    EXPECT_GE(last, told);
    EXPECT_LE(last, told + 1U);
    EXPECT_TRUE(ports::same_rows(*rows, rows_of(last))) << "version " << last;
  }
}

// --- Every schema, for ever.

ports::GuestRow without_schema_2(ports::GuestRow row) {
  const ports::GuestRow none;
  row.group = none.group, row.wanted = none.wanted, row.reason = none.reason;
  row.born = none.born, row.ended = none.ended;
  return row;
}

Rows golden_rows_1() {
  ports::GuestRow order = full_guest_row(2);
  order.container.reset();
  order.owner = {.generation = 2,
                 .kind = ports::GenerationKind::kOrder,
                 .set = {NodeId{"i-1/b"}, NodeId{"i-2/b"}},
                 .reach = {NodeId{"i-1/b"}},
                 .reported = {2, 7},
                 .holder = NodeId{"i-1/b"}};
  return {.guests = {{GuestId{"db"}, without_schema_2(order)},
                     {GuestId{"web/1"}, without_schema_2(full_guest_row(9))}},
          .nodes = {{NodeId{"i-1/b"}, NodeRow{"10.0.1.10", false}},
                    {NodeId{"i-2/b"}, NodeRow{"10.0.2.10", true}}},
          .version = 1};
}

// A file that the first release wrote is read by every later one, and can be written on.
TEST_F(SqliteStoreTest, MigratesTheGoldenFileOfSchema1) {
  fs::copy_file(kGolden1, path());
  const auto store = open();
  ASSERT_TRUE(store);
  EXPECT_EQ(store->incarnation(), "golden");
  const auto rows = store->load();
  ASSERT_TRUE(rows) << to_string(rows.error());
  EXPECT_TRUE(ports::same_rows(*rows, golden_rows_1()));
  EXPECT_TRUE(store->commit(
      1, std::vector<RowWrite>{ports::GroupWrite{GroupId{"web"}, ports::full_group_row()}}));
  EXPECT_EQ(open()->load()->groups.size(), 1U) << "a second open migrates nothing";
}

Rows golden_rows_2() {
  return {.guests = {{GuestId{"db"}, full_guest_row(2)}, {GuestId{"web/1"}, ports::GuestRow{}}},
          .nodes = {{NodeId{"i-1/b"}, ports::full_node_row()}, {NodeId{"i-2/b"}, NodeRow{}}},
          .groups = {{GroupId{"web"}, ports::full_group_row()}},
          .fleet = {7, 9},
          .version = 1};
}

TEST_F(SqliteStoreTest, MigratesTheGoldenFileOfSchema2) {
  fs::copy_file(kGolden2, path());
  const auto store = open();
  ASSERT_TRUE(store);
  const auto rows = store->load();
  ASSERT_TRUE(rows) << to_string(rows.error());
  EXPECT_TRUE(ports::same_rows(*rows, golden_rows_2()));
  EXPECT_TRUE(store->commit(1, std::vector<RowWrite>{ports::EventWrite{ports::full_event(1)}}));
  EXPECT_EQ(open()->load()->events.size(), 1U) << "a second open migrates nothing";
}

Rows golden_rows_3() {
  Rows rows = golden_rows_2();
  rows.events = {{4, ports::full_event(4)}, {5, {.number = 5}}};
  rows.moves = {{2, ports::full_move(2)}, {3, {.number = 3}}};
  return rows;
}

TEST_F(SqliteStoreTest, LoadsTheGoldenFileOfSchema3) {
  fs::copy_file(kGolden3, path());
  const auto store = open();
  ASSERT_TRUE(store);
  const auto rows = store->load();
  ASSERT_TRUE(rows) << to_string(rows.error());
  EXPECT_TRUE(ports::same_rows(*rows, golden_rows_3()));
}

// The journal is for people: a text of another program that is no UTF-8 ends nothing.
TEST_F(SqliteStoreTest, WritesTheJournalWhateverItsTexts) {
  ports::EventView event = ports::full_event(1);
  event.text = "qemu: \xff\xfe end";
  ports::MoveView move = ports::full_move(1);
  move.why = "\xc3(";
  const auto store = open();
  ASSERT_TRUE(
      store->commit(0, std::vector<RowWrite>{ports::EventWrite{event}, ports::MoveWrite{move}}));
  EXPECT_EQ(store->load()->events.at(1).text, "qemu: ?? end");
  EXPECT_EQ(store->load()->moves.at(1).why, "?(");
}

// How the golden file was made; never again for the same schema.
TEST_F(SqliteStoreTest, DISABLED_WritesTheGoldenFile) {
  const Rows golden = golden_rows_3();
  std::vector<RowWrite> writes{ports::FleetWrite{golden.fleet}};
  for (const auto& [id, row] : golden.guests) writes.push_back(GuestWrite{id, row});
  for (const auto& [id, row] : golden.nodes) writes.push_back(NodeWrite{id, row});
  for (const auto& [id, row] : golden.groups) writes.push_back(ports::GroupWrite{id, row});
  for (const auto& [id, row] : golden.events) writes.push_back(ports::EventWrite{row});
  for (const auto& [id, row] : golden.moves) writes.push_back(ports::MoveWrite{row});
  ASSERT_TRUE(SqliteStore::open(path(), "golden").value()->commit(0, writes));
  fs::copy_file(path(), kGolden3);
}

}  // namespace
}  // namespace godwit::sqlite
