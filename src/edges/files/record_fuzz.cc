// An agent's files: a line of its record of guests, and its picture of the fleet. What is read back
// is what was written, or an error.
#include "base/fuzz.h"
#include "edges/files/fleet.h"
#include "edges/files/record_line.h"

namespace godwit::fuzz {
namespace {

ports::GuestRecord record() {
  ports::GuestRecord made;
  made.role = ports::RoleName::kGranted;
  made.epoch = {7, 2};
  made.set = {NodeId{"i-1/b"}, NodeId{"i-2/b"}};
  made.to = NodeId{"i-2/b"};
  made.attempt = {NodeId{"i-1/b"}, 7};
  made.machine = {.qemu_version = "10.0.13",
                  .machine_type = "pc-i440fx-10.0,hpet=off",
                  .cpu_model = "qemu64",
                  .memory_mib = 512,
                  .vcpus = 2,
                  .mtu = 1344,
                  .overlay_bytes = std::uint64_t{1} << 40,
                  .mac = "52:54:00:00:00:01",
                  .address = "100.64.0.7",
                  .append = "console=ttyS0 \"q\" \\"};
  made.container = ports::Container{.argv = {"/bin/app", ""}, .env = {"A=1"}, .hostname = "g"};
  return made;
}

}  // namespace

Corpus corpus() {
  const ports::Fleet fleet{.nodes = {{NodeId{"i-1/b"}, {"10.0.0.1", 7001}}},
                           .gateway = ports::PeerAddress{"10.0.200.10", 7003}};
  return {.seeds = {files::to_line(GuestId{"web-1"}, record()),
                    files::to_line(GuestId{"web-2"}, {}), files::fleet_text(fleet)}};
}

bool try_input(std::string_view input) {
  const auto fleet = files::parse_fleet(input);
  if (fleet)
    CHECK(files::parse_fleet(files::fleet_text(*fleet)) == *fleet);
  else
    explained(fleet.error());
  const auto line = files::parse_line(input);
  if (!line) return refused(line.error()) || fleet.has_value();
  const auto again = files::parse_line(files::to_line(line->guest, line->record));
  CHECK(again && again->guest == line->guest && again->record == line->record);
  return true;
}

}  // namespace godwit::fuzz
