// A Store in memory: true to the contract, and able to fail when a test wants it.
#pragma once

#include <format>
#include <span>
#include <type_traits>
#include <variant>

#include "ports/store.h"

namespace godwit::ports {

// What a store lies on. It outlives control planes, that is FakeStores.
struct FakeStoreDisk {
  Rows rows = {};
  int commits = 0;  // Tried so far.
  int fail_at = 0;  // The commit with this number, counted from 1, fails, nothing written; 0: none.
};

class FakeStore final : public Store {
 public:
  explicit FakeStore(FakeStoreDisk& disk) : disk_(disk) {}

  Result<Rows> load() override { return disk_.rows; }

  Status commit(std::uint64_t version, std::span<const RowWrite> writes) override {
    if (++disk_.commits == disk_.fail_at) return fail(Code::kResourceExhausted, "no space");
    if (version != disk_.rows.version) {
      return fail(Code::kAborted,
                  std::format("the store is at version {}, not {}", disk_.rows.version, version));
    }
    for (const RowWrite& write : writes) {
      std::visit(
          [this]<class T>(const T& w) {
            if constexpr (std::is_same_v<T, GuestWrite>) put(disk_.rows.guests, w.guest, w.row);
            if constexpr (std::is_same_v<T, NodeWrite>) put(disk_.rows.nodes, w.node, w.row);
            if constexpr (std::is_same_v<T, GroupWrite>) put(disk_.rows.groups, w.group, w.row);
            if constexpr (std::is_same_v<T, FleetWrite>) disk_.rows.fleet = w.row;
            if constexpr (std::is_same_v<T, EventWrite>) keep(disk_.rows.events, w.event);
            if constexpr (std::is_same_v<T, MoveWrite>) keep(disk_.rows.moves, w.move);
          },
          write);
    }
    ++disk_.rows.version;
    return {};
  }

 private:
  template <class Id, class Row>
  static void put(std::map<Id, Row>& rows, const Id& id, const std::optional<Row>& row) {
    if (row) {
      rows[id] = *row;
    } else {
      rows.erase(id);
    }
  }

  template <class View>
  static void keep(std::map<std::uint64_t, View>& rows, const View& view) {
    rows[view.number] = view;
    const std::uint64_t newest = rows.rbegin()->first;
    std::erase_if(rows, [&](const auto& row) { return row.first + kJournalKept <= newest; });
  }

  FakeStoreDisk& disk_;
};

}  // namespace godwit::ports
