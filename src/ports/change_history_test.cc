// A watcher from any version gets exactly what came after it, or is told to list again.
#include "ports/change_history.h"

#include <gtest/gtest.h>

namespace godwit::ports {
namespace {

Change change(std::uint64_t version) { return {version, Removed{GuestId{"web-1"}}}; }

TEST(ChangeHistory, EveryVersionGetsTheRestOrMustListAgain) {
  for (std::size_t length = 1; length < 6; ++length) {
    ChangeHistory history{length};
    history.begin(100);
    std::vector<std::uint64_t> all;
    for (std::uint64_t version = 102; version < 122; version += 2) {  // Versions have gaps.
      history.add(change(version));
      all.push_back(version);
      const std::uint64_t forgotten = all.size() > length ? all[all.size() - length - 1] : 100;
      for (std::uint64_t from = 95; from < 125; ++from) {
        const auto got = history.since(from);
        ASSERT_EQ(got.has_value(), from >= forgotten && from <= version) << from;
        if (!got) {
          EXPECT_EQ(got.error().code, Code::kAborted);
          continue;
        }
        std::vector<std::uint64_t> versions, expected;
        for (const Change& c : *got) versions.push_back(c.version);
        for (const std::uint64_t v : all)
          if (v > from) expected.push_back(v);
        EXPECT_EQ(versions, expected);
      }
    }
  }
}

TEST(ChangeHistory, ANewBeginningForgetsTheOld) {
  ChangeHistory history{10};
  EXPECT_TRUE(history.since(0));
  history.begin(5);
  history.add(change(6));
  history.begin(1000);
  EXPECT_FALSE(history.since(6));
  EXPECT_TRUE(history.since(1000)->empty());
}

}  // namespace
}  // namespace godwit::ports
