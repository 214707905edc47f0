#include "ports/fake_record.h"

#include <gtest/gtest.h>

#include "ports/record_contract.h"

namespace godwit::ports {
namespace {

TEST(FakeRecord, KeepsTheContract) {
  FakeRecordDisk disk;
  check_record_contract({.open = [&] { return std::make_unique<FakeRecord>(disk); },
                         .reboot = [&] { disk.reboot(); }});
}

// The put that is told to fail writes nothing; the ones around it do.
TEST(FakeRecord, FailsOnDemand) {
  FakeRecordDisk disk{.fail_at = 2};
  FakeRecord record{disk};
  EXPECT_TRUE(record.put(GuestId{"a"}, GuestRecord{}));
  EXPECT_EQ(record.put(GuestId{"a"}, std::nullopt).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(record.put(GuestId{"b"}, GuestRecord{}));
  EXPECT_EQ(record.load()->size(), 2u);
}

}  // namespace
}  // namespace godwit::ports
