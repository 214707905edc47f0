#include "edges/guestlink/log_store.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/random.h"

namespace godwit::guestlink {
namespace {

namespace fs = std::filesystem;
using frame::LogLine;

std::string fresh_dir() {
  static int n = 0;
  return std::format("{}/log-{}-{}", ::testing::TempDir(), ::getpid(), ++n);
}

std::vector<LogLine> lines(std::uint64_t from, std::uint64_t to, const std::string& text = "text") {
  std::vector<LogLine> out;
  for (std::uint64_t i = from; i <= to; ++i)
    out.push_back({i, static_cast<std::int64_t>(i) * 10, 1, false, text});
  return out;
}

std::vector<std::uint64_t> sequences(const LogStore& store) {
  std::vector<std::uint64_t> out;
  const std::vector<LogLine> all = store.read().value();
  for (const LogLine& line : all) out.push_back(line.sequence);
  return out;
}

// Lines come back as they were written, whatever bytes they hold, also after a restart; repeated
// ones are written once.
TEST(LogStore, KeepsLinesOnceOverRestarts) {
  const std::string dir = fresh_dir();
  std::vector<LogLine> all = lines(5, 8, std::string("a \0 b 1 2", 9));
  all[1] = {6, -3, 2, true, ""};
  {
    LogStore store = LogStore::open(dir, {}).value();
    ASSERT_TRUE(store.begin_boot("b1"));
    ASSERT_TRUE(store.append(std::span(all).first(3)));
  }
  LogStore store = LogStore::open(dir, {}).value();
  EXPECT_EQ(store.last_sequence(), 7u);
  ASSERT_TRUE(store.begin_boot("b1"));
  ASSERT_TRUE(store.append(all));
  EXPECT_EQ(store.read().value(), all);
  EXPECT_EQ(store.segments().size(), 1u);
}

// A crash cuts the last line anywhere: it was never acknowledged, so it comes again.
TEST(LogStore, ACutLastLineIsTakenOff) {
  const std::string dir = fresh_dir();
  {
    ASSERT_TRUE(LogStore::open(dir, {}).value().begin_boot("b"));
  }
  const std::string file = dir + "/0000000001.log";
  const auto head = fs::file_size(file);
  {
    LogStore store = LogStore::open(dir, {}).value();
    ASSERT_TRUE(store.append(lines(1, 2)));
  }
  const auto whole = fs::file_size(file);
  for (auto size = whole; size >= head; --size) {
    fs::resize_file(file, size);
    LogStore store = LogStore::open(dir, {}).value();
    ASSERT_TRUE(store.append(lines(1, 2)));
    EXPECT_EQ(sequences(store), (std::vector<std::uint64_t>{1, 2})) << size;
    EXPECT_EQ(fs::file_size(file), whole);
  }
}

TEST(LogStore, ANewBootCountsFromOneAgain) {
  LogStore store = LogStore::open(fresh_dir(), {}).value();
  ASSERT_TRUE(store.begin_boot("b1"));
  ASSERT_TRUE(store.append(lines(1, 3)));
  ASSERT_TRUE(store.begin_boot("b2"));
  EXPECT_EQ(store.last_sequence(), 0u);
  ASSERT_TRUE(store.append(lines(1, 2)));
  EXPECT_EQ(sequences(store), (std::vector<std::uint64_t>{1, 2, 3, 1, 2}));
}

// Segments stay below their size, the whole below its own, and what went is counted, also after a
// restart.
TEST(LogStore, TheOldestIsDroppedAndCounted) {
  const std::string dir = fresh_dir();
  const LogLimits limits{.segment_bytes = 1000, .total_bytes = 3000};
  {
    LogStore store = LogStore::open(dir, limits).value();
    ASSERT_TRUE(store.begin_boot("b"));
    for (std::uint64_t i = 1; i <= 500; ++i) ASSERT_TRUE(store.append(lines(i, i)));
    const auto kept = sequences(store);
    EXPECT_EQ(kept.front(), store.dropped() + 1);
    EXPECT_EQ(kept.back(), 500u);
    EXPECT_EQ(kept.size(), 500 - store.dropped());
    for (const std::string& s : store.segments()) EXPECT_LE(fs::file_size(s), 1000u);
  }
  LogStore again = LogStore::open(dir, limits).value();
  EXPECT_GT(again.dropped(), 300u);
}

// A disk of 256 KiB that another file fills: room is made from our own oldest, and only when there
// is nothing left to drop an error comes, with nothing half-written.
TEST(LogStore, AFullDiskDropsTheOldest) {
  const std::string dir = fresh_dir();
  fs::create_directories(dir);
  if (::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=256k") != 0) GTEST_SKIP() << "not root";
  {
    LogStore store =
        LogStore::open(dir + "/log", {.segment_bytes = 16'000, .total_bytes = 1 << 30}).value();
    ASSERT_TRUE(store.begin_boot("b"));
    for (std::uint64_t i = 0; i < 300; ++i) {
      const Status s = store.append(lines(i * 10 + 1, i * 10 + 10, std::string(100, 'x')));
      ASSERT_TRUE(s) << to_string(s.error());
    }
    EXPECT_GT(store.dropped(), 0u);
    const auto kept = sequences(store);
    EXPECT_EQ(kept.back(), 3000u);
    EXPECT_EQ(kept.size() + store.dropped(), 3000u);
    const Status never = store.append(lines(3001, 3001, std::string(400'000, 'x')));
    ASSERT_FALSE(never);
    EXPECT_EQ(store.last_sequence(), 3000u);
    ASSERT_TRUE(store.append(lines(3001, 3001)));
    EXPECT_EQ(sequences(store).back(), 3001u);
  }
  ::umount(dir.c_str());
}

// A guest's stays on three nodes, each overlapping the one before; the segments are sent on, some
// twice, none in order: every line is read once, in order, also after a restart and a cold start.
TEST(LogStore, SegmentsOfOtherNodesAreMergedByBootAndSequence) {
  Random random(4);
  const LogLimits small{.segment_bytes = 400};
  std::vector<std::string> sent;
  const auto stay = [&](const std::string& boot, std::uint64_t from, std::uint64_t to) {
    LogStore store = LogStore::open(fresh_dir(), small).value();
    EXPECT_TRUE(store.begin_boot(boot));
    std::vector<LogLine> all = lines(from, to);
    for (LogLine& line : all) line.time_us += boot == "b2" ? 1'000'000 : 0;
    for (std::size_t i = 0; i < all.size(); i += 10)
      EXPECT_TRUE(
          store.append(std::span(all).subspan(i, std::min<std::size_t>(10, all.size() - i))));
    for (const std::string& path : store.segments()) {
      std::ifstream file(path, std::ios::binary);
      sent.emplace_back((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    }
    EXPECT_GT(sent.size(), 1u);
  };
  stay("b2", 1, 60);
  stay("b1", 1, 100);
  stay("b1", 91, 200);
  const std::string dir = fresh_dir();
  LogStore store = LogStore::open(dir, small).value();
  ASSERT_TRUE(store.begin_boot("b2"));
  ASSERT_TRUE(store.append(lines(55, 70)));
  for (std::size_t i = sent.size(); i > 1; --i) std::swap(sent[i - 1], sent[random.below(i)]);
  for (int twice = 0; twice < 2; ++twice)
    for (const std::string& bytes : sent) ASSERT_TRUE(store.keep(bytes));
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 1; i <= 200; ++i) expected.push_back(i);
  for (std::uint64_t i = 1; i <= 70; ++i) expected.push_back(i);
  EXPECT_EQ(sequences(store), expected);
  EXPECT_EQ(store.last_sequence(), 70u) << "what came in is not what this guest has sent";
  LogStore again = LogStore::open(dir, small).value();
  EXPECT_EQ(sequences(again), expected);
  EXPECT_EQ(again.last_sequence(), 70u);
  for (const std::string& path : again.segments()) ASSERT_TRUE(again.remove(path));
  EXPECT_TRUE(sequences(again).empty());
  ASSERT_TRUE(again.append(lines(71, 72)));
  EXPECT_EQ(sequences(again), (std::vector<std::uint64_t>{71, 72}));
}

// What is no whole segment is refused, so that its sender keeps it.
TEST(LogStore, KeepsOnlyWholeSegments) {
  LogStore store = LogStore::open(fresh_dir(), {}).value();
  const std::string whole = "boot b dropped 3\n7 0 1 0 x\n8 0 1 0 y\n";
  for (std::size_t n = 1; n < whole.size(); ++n)
    if (whole[n - 1] != '\n') {
      EXPECT_FALSE(store.keep(whole.substr(0, n))) << n;
    }
  EXPECT_FALSE(store.keep("hello\n"));
  EXPECT_FALSE(store.keep("boot b dropped 3\nhello\n"));
  ASSERT_TRUE(store.keep(whole));
  EXPECT_EQ(sequences(store), (std::vector<std::uint64_t>{7, 8}));
  EXPECT_EQ(store.dropped(), 3u);
}

// A guest may say anything; what it says stays one line, and its boot one file name.
TEST(LogStore, AGuestsBytesDoNotBreakTheFile) {
  const std::string dir = fresh_dir();
  LogStore store = LogStore::open(dir, {}).value();
  ASSERT_TRUE(store.begin_boot("../x\nboot y dropped 9"));
  ASSERT_TRUE(store.append(lines(1, 2, "a\n3 0 1 0 b")));
  EXPECT_EQ(sequences(LogStore::open(dir, {}).value()), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(LogStore::open(dir, {}).value().dropped(), 0u);
}

// A guest that boots without end, silent or with a line each time, does not fill the directory.
TEST(LogStore, BootsWithoutEndHaveABound) {
  const std::string dir = fresh_dir();
  LogStore store = LogStore::open(dir, {.segments = 5}).value();
  for (int boot = 0; boot < 50; ++boot) ASSERT_TRUE(store.begin_boot(std::format("a-{}", boot)));
  EXPECT_EQ(store.segments().size(), 1u);
  for (int boot = 0; boot < 50; ++boot) {
    ASSERT_TRUE(store.begin_boot(std::format("b-{}", boot)));
    ASSERT_TRUE(store.append(lines(1, 1)));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), {}), 5);
  EXPECT_EQ(sequences(store).size(), 5u);
  EXPECT_EQ(store.dropped(), 45u);
  EXPECT_EQ(sequences(LogStore::open(dir, {.segments = 5}).value()).size(), 5u);
}

TEST(LogStore, AForeignFileIsAnError) {
  const std::string dir = fresh_dir();
  fs::create_directories(dir);
  std::ofstream(dir + "/0000000001.log") << "hello\n";
  const auto store = LogStore::open(dir, {});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace godwit::guestlink
