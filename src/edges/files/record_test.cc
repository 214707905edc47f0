#include "edges/files/record.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <print>
#include <sstream>
#include <vector>

#include "base/random.h"
#include "ports/record_contract.h"

namespace godwit::files {
namespace {

using ports::full_record;
using ports::GuestRecord;

// A folder and a boot id of its own for each test.
class FileRecordTest : public testing::Test {
 protected:
  FileRecordTest() {
    std::filesystem::create_directories(folder_);
    write(boot_id_path(), "6b1c5f6e-8d5c-4f57-9a53-2f4f4b7a1c11\n");
  }
  ~FileRecordTest() override { std::filesystem::remove_all(folder_); }

  std::string boot_id_path() const { return folder_ + "/boot_id"; }
  std::string path() const { return folder_ + "/record"; }
  std::unique_ptr<FileRecord> open() const {
    return std::make_unique<FileRecord>(folder_, boot_id_path());
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  static std::string read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  const std::string folder_ =
      std::format("{}/record_test.{}.{}", testing::TempDir(), getpid(),
                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(FileRecordTest, KeepsTheContract) {
  int boot = 0;
  ports::check_record_contract(
      {.open = [&] { return open(); },
       .reboot = [&] { write(boot_id_path(), std::format("boot-{}\n", ++boot)); }});
}

// Whatever happens to the bytes, load says the truth or DataLoss, and put does not paper over it.
TEST_F(FileRecordTest, DamageIsDataLossWithFileAndLine) {
  ASSERT_TRUE(open()->put(GuestId{"a"}, full_record(1)));
  ASSERT_TRUE(open()->put(GuestId{"b"}, full_record(2)));
  const std::string whole = read(path());
  const auto second = whole.find('\n') + 1, third = whole.find('\n', second) + 1;
  const auto damaged = [&](const std::string& text) {
    write(path(), text);
    const auto loaded = open()->load();
    EXPECT_FALSE(open()->put(GuestId{"c"}, GuestRecord{}));
    EXPECT_EQ(read(path()), text);
    return loaded ? "no error" : to_string(loaded.error());
  };
  EXPECT_EQ(damaged(""), "DATA_LOSS: " + path() + ":1: no whole line");
  EXPECT_EQ(damaged(whole.substr(0, whole.size() - 1)),
            "DATA_LOSS: " + path() + ":3: no whole line");
  EXPECT_EQ(damaged(whole.substr(0, third)), "DATA_LOSS: " + path() + ":2: 1 guests of 2");
  EXPECT_EQ(damaged(whole + whole.substr(third)),
            "DATA_LOSS: " + path() + ":4: guest b for the second time");
  std::string wrong_role = whole;
  wrong_role.replace(whole.find("granted", third), 7, "grabbed");
  EXPECT_EQ(damaged(wrong_role), "DATA_LOSS: " + path() + ":3: no valid 'role'");
  std::string negative = whole;
  negative.replace(whole.find("4294967295", second), 1, "-");
  EXPECT_EQ(damaged(negative), "DATA_LOSS: " + path() + ":2: no valid 'counter'");
  EXPECT_TRUE(damaged("\x7f\x45LF\n").starts_with("DATA_LOSS: " + path() + ":1: "));
}

// Any flipped byte gives an error or a record, never a crash.
TEST_F(FileRecordTest, RandomDamageNeverCrashes) {
  ASSERT_TRUE(open()->put(GuestId{"a"}, full_record(1)));
  const std::string whole = read(path());
  Random random{3};
  for (int i = 0; i < 500; ++i) {
    std::string text = whole.substr(0, 1 + random.below(whole.size()));
    text[random.below(text.size())] = static_cast<char>(random.below(256));
    write(path(), text);
    (void)open()->load();
  }
}

// A put that fails leaves the file and the next put as they were: here the folder is full (the new
// file cannot be made, since a folder is in its place).
TEST_F(FileRecordTest, AFailedPutChangesNothing) {
  const auto record = open();
  ASSERT_TRUE(record->put(GuestId{"a"}, full_record(1)));
  const std::string before = read(path());
  std::filesystem::create_directory(path() + ".new");
  EXPECT_FALSE(record->put(GuestId{"b"}, full_record(2)));
  EXPECT_EQ(read(path()), before);
  std::filesystem::remove(path() + ".new");
  EXPECT_TRUE(record->put(GuestId{"c"}, full_record(3)));
  EXPECT_EQ(open()->load()->size(), 2u);
  EXPECT_FALSE(open()->load()->contains(GuestId{"b"}));
}

// A line that an agent wrote before guests had containers: its guests go on under the new agent.
TEST_F(FileRecordTest, ReadsRecordsWithoutAContainer) {
  GuestRecord record = full_record(1);
  ASSERT_TRUE(open()->put(GuestId{"a"}, record));
  const std::string whole = read(path());
  const auto begin = whole.find(",\"container\":");
  ASSERT_NE(begin, std::string::npos) << whole;
  write(path(), whole.substr(0, begin) + whole.substr(whole.find(",\"counter\":", begin)));
  record.container.reset();
  EXPECT_EQ(open()->load(), (std::map<GuestId, GuestRecord>{{GuestId{"a"}, record}}));
}

// What could not be read back is refused, not changed on the way.
TEST_F(FileRecordTest, RefusesWhatItCannotWriteExactly) {
  GuestRecord record = full_record(1);
  record.machine.append = "\xff";
  EXPECT_EQ(open()->put(GuestId{"a"}, record).error().code, Code::kInvalidArgument);
  record = full_record(1);
  record.machine.overlay_bytes = UINT64_MAX;
  EXPECT_EQ(open()->put(GuestId{"a"}, record).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(open()->load()->empty());
}

// Without a boot id nothing is believed and nothing is written.
TEST_F(FileRecordTest, NeedsABootId) {
  FileRecord none{folder_, folder_ + "/none"};
  EXPECT_EQ(none.load().error().code, Code::kNotFound);
  EXPECT_FALSE(none.put(GuestId{"a"}, GuestRecord{}));
  write(boot_id_path(), "\n");
  EXPECT_EQ(open()->load().error().code, Code::kDataLoss);
}

// Two puts are inside the pause. This prints what one costs with 50 guests on the node.
TEST_F(FileRecordTest, APutIsShort) {
  const auto record = open();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(record->put(GuestId{std::format("g{}", i)}, full_record(1)));
  }
  std::vector<std::chrono::microseconds> took;
  for (std::uint32_t i = 0; i < 101; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(record->put(GuestId{"g7"}, full_record(i)));
    took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start));
  }
  std::ranges::sort(took);
  std::println("a put with 50 guests: median {} us, largest {} us", took[50].count(),
               took[100].count());
  EXPECT_LT(took[50].count(), 20000);
}

}  // namespace
}  // namespace godwit::files
