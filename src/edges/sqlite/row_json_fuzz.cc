// The store's rows: a text that is taken as a row is written as a text that gives the same row.
#include "base/fuzz.h"
#include "edges/sqlite/row_json.h"

namespace godwit::fuzz {
namespace {

template <class Row>
bool try_row(const Result<Row>& row, auto parse) {
  if (!row) return refused(row.error());
  const auto text = sqlite::to_text(*row);
  CHECK(text);
  const Result<Row> again = parse(*text);
  CHECK(again && *again == *row);
  return true;
}

}  // namespace

Corpus corpus() {
  ports::GuestRow guest;
  guest.machine.mac = "52:54:00:00:00:01";
  guest.container = ports::Container{.argv = {"a", "\xc3\xa9"}};
  guest.owner.set = {NodeId{"i-1/b"}, NodeId{"i-2/b"}};
  guest.owner.holder = NodeId{"i-1/b"};
  guest.owner.from = ports::CutName{.epoch = {1, 2}, .attempt = {NodeId{"i-4/b"}, 5}};
  guest.group = GroupId{"web"};
  ports::NodeRow node;
  node.stage = ports::NodeStage::kJoined;
  ports::GroupRow group;
  group.spec.name = GroupId{"web"};
  group.spec.ports = {{80, 8080}};
  group.spec.maximum_price = MicroUsdPerHour{12'000};
  group.spec.zones.allow = {"us-east-1a"};
  const auto text = [](const auto& row) { return sqlite::to_text(row).value(); };
  return {.seeds = {text(guest), text(node), text(group), text(ports::FleetRow{4, 5})},
          .runs = 10'000};
}

bool try_input(std::string_view input) {
  bool sound = false;
  sound |= try_row(sqlite::parse_guest_row(input), sqlite::parse_guest_row);
  sound |= try_row(sqlite::parse_node_row(input), sqlite::parse_node_row);
  sound |= try_row(sqlite::parse_group_row(input), sqlite::parse_group_row);
  sound |= try_row(sqlite::parse_fleet_row(input), sqlite::parse_fleet_row);
  const auto filled = sqlite::with_defaults(input, R"({"new":1})");
  if (!filled) explained(filled.error());
  return sound;
}

}  // namespace godwit::fuzz
