// What must be equal at both ends of a migration, and where its files are on this node.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"

namespace godwit::ports {

// Fixed at the guest's birth, travels with it, checked at the destination before any byte moves.
struct MachineRecord {
  std::string qemu_version;  // "10.0.13".
  std::string machine_type;  // Pinned: "pc-i440fx-10.0,hpet=off,vmport=off".
  std::string cpu_model;     // Named, never "host" nor "max": "qemu64", "Cascadelake-Server".
  std::uint32_t memory_mib = 256;
  std::uint32_t vcpus = 1;
  std::uint32_t mtu = 1344;         // A running guest cannot change it.
  std::uint64_t overlay_bytes = 0;  // Virtual size of the disk.
  std::string mac;                  // Of the guest's one network card.
  std::string address;              // The guest's IPv4 address, a /32: "100.64.0.7".
  std::string kernel_sha256;
  std::string initramfs_sha256;
  std::string base_sha256;  // The read-only base image, bytes made once at import.
  std::string append;       // The whole kernel command line.
  bool operator==(const MachineRecord&) const = default;
};

// One hand-over's name: its source and a number that the source never uses again.
struct AttemptName {
  NodeId source;
  std::uint32_t number = 0;
  auto operator<=>(const AttemptName&) const = default;
};

// See core/migration/ownership.h.
struct EpochName {
  std::uint32_t generation = 0;
  std::uint32_t hop = 0;
  auto operator<=>(const EpochName&) const = default;
};

}  // namespace godwit::ports
