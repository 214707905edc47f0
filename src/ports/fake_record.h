// A Record in memory: true to the contract, and able to fail when a test wants it.
#pragma once

#include <format>
#include <map>
#include <optional>

#include "ports/record.h"

namespace godwit::ports {

// What a node's record lies on. It outlives agents, that is FakeRecords; reboot() ends what it
// says.
struct FakeRecordDisk {
  std::map<GuestId, GuestRecord> guests = {};
  int boot = 1;
  int written_in_boot = 1;
  int puts = 0;     // Tried so far.
  int fail_at = 0;  // The put with this number, counted from 1, fails and writes nothing; 0: none.

  void reboot() { ++boot; }
};

class FakeRecord final : public Record {
 public:
  explicit FakeRecord(FakeRecordDisk& disk) : disk_(disk) {}

  Status put(const GuestId& guest, const std::optional<GuestRecord>& record) override {
    if (++disk_.puts == disk_.fail_at) {
      return fail(Code::kResourceExhausted, std::format("put {}: no space", guest.value));
    }
    if (disk_.written_in_boot != disk_.boot) disk_.guests.clear();
    disk_.written_in_boot = disk_.boot;
    if (record) {
      disk_.guests[guest] = *record;
    } else {
      disk_.guests.erase(guest);
    }
    return {};
  }

  Result<std::map<GuestId, GuestRecord>> load() override {
    if (disk_.written_in_boot != disk_.boot && !disk_.guests.empty()) {
      return precondition(
          std::format("record is of boot {}, this is boot {}", disk_.written_in_boot, disk_.boot));
    }
    return disk_.guests;
  }

 private:
  FakeRecordDisk& disk_;
};

}  // namespace godwit::ports
