#include "ports/fake_store.h"

#include <gtest/gtest.h>

#include "ports/store_contract.h"

namespace godwit::ports {
namespace {

TEST(FakeStore, KeepsTheContract) {
  FakeStoreDisk disk;
  check_store_contract([&] { return std::make_unique<FakeStore>(disk); });
}

TEST(FakeStore, KeepsTheJournalsContract) {
  FakeStoreDisk disk;
  check_journal_contract([&] { return std::make_unique<FakeStore>(disk); });
}

// The commit that is told to fail writes nothing and leaves the version; the next one succeeds.
TEST(FakeStore, FailsOnDemand) {
  FakeStoreDisk disk{.fail_at = 1};
  FakeStore store{disk};
  const std::vector<RowWrite> writes{NodeWrite{NodeId{"n"}, NodeRow{"10.0.1.10"}}};
  EXPECT_EQ(store.commit(0, writes).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(store.load()->nodes.empty());
  EXPECT_TRUE(store.commit(0, writes));
  EXPECT_EQ(store.load()->version, 1U);
}

}  // namespace
}  // namespace godwit::ports
