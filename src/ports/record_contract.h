// What every Record must do, as a test that its implementations include.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "ports/record.h"

namespace godwit::ports {

struct RecordUnderTest {
  std::function<std::unique_ptr<Record>()> open;  // A new agent on the same node.
  std::function<void()> reboot;
};

inline Container full_container() {
  return {.argv = {"/bin/app", "", "--greeting=h\xc3\xa9 \"q\""},
          .env = {"A=1", "B="},
          .cwd = "/srv",
          .uid = 1000,
          .gid = 100,
          .hostname = "g7",
          .restart = RestartPolicy::kAlways,
          .backoff_ms = 7,
          .backoff_max_ms = 8,
          .health = {.kind = HealthCheck::Kind::kExec,
                     .port = 65535,
                     .argv = {"check"},
                     .interval_ms = 1,
                     .timeout_ms = 2,
                     .failures = 3}};
}

inline GuestRecord full_record(std::uint32_t number) {
  return {.role = RoleName::kGranted,
          .epoch = {number, 2},
          .held = {number, 1},
          .sealed = number + 3,
          .set = {NodeId{"i-1/b"}, NodeId{"i-2/b"}},
          .counter = UINT32_MAX,
          .to = NodeId{"i-2/b"},
          .attempt = {NodeId{"i-1/b"}, 7},
          .machine = {.qemu_version = "10.0.13",
                      .machine_type = "pc-i440fx-10.0,hpet=off",
                      .cpu_model = "qemu64",
                      .memory_mib = 512,
                      .vcpus = 2,
                      .mtu = 1345,
                      .overlay_bytes = std::uint64_t{1} << 62,
                      .mac = "52:54:00:00:00:01",
                      .address = "100.64.0.7",
                      .kernel_sha256 = "k",
                      .initramfs_sha256 = "i",
                      .base_sha256 = "b",
                      .append = "console=ttyS0 \"quoted\" \\ \t"},
          .container = full_container()};
}

// Goal: an agent finds after its restart exactly what the last one wrote, and nothing after a
// reboot. Method: agents come and go on one storage.
inline void check_record_contract(const RecordUnderTest& node) {
  const GuestId a{"web/1"}, b{"db \"\xc3\xa9\"\n../2"};
  using Records = std::map<GuestId, GuestRecord>;
  EXPECT_EQ(node.open()->load(), Records{}) << "empty at first";

  GuestRecord record_a = full_record(5);
  EXPECT_TRUE(node.open()->put(a, record_a));
  EXPECT_TRUE(node.open()->put(b, GuestRecord{})) << "without a load before";
  EXPECT_EQ(node.open()->load(), (Records{{a, record_a}, {b, GuestRecord{}}}));

  const auto agent = node.open();
  for (const RoleName role : {RoleName::kIdle, RoleName::kHolds, RoleName::kGranted}) {
    record_a.role = role;
    EXPECT_TRUE(agent->put(a, record_a));
    EXPECT_TRUE(agent->put(a, record_a)) << "again is harmless";
    EXPECT_EQ(agent->load(), (Records{{a, record_a}, {b, GuestRecord{}}}));
    EXPECT_EQ(node.open()->load(), agent->load());
  }

  EXPECT_TRUE(agent->put(b, std::nullopt));
  EXPECT_TRUE(agent->put(b, std::nullopt)) << "nothing to forget is success";
  EXPECT_EQ(node.open()->load(), (Records{{a, record_a}}));

  node.reboot();
  const auto rebooted = node.open();
  const auto old = rebooted->load();
  ASSERT_FALSE(old) << "its guests died with that boot";
  EXPECT_EQ(old.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(rebooted->put(b, full_record(9)));
  EXPECT_EQ(node.open()->load(), (Records{{b, full_record(9)}})) << "the new boot starts empty";

  node.reboot();
  EXPECT_TRUE(node.open()->put(a, record_a)) << "without a load before";
  EXPECT_EQ(node.open()->load(), (Records{{a, record_a}}));
}

}  // namespace godwit::ports
