// QEMU's command line (docs/architecture.md says why each part is there), as a function of values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "edges/qemu/config.h"
#include "lib/json/json.h"
#include "ports/machine.h"

namespace godwit::qemu {

// Of the stream that a QEMU was started to receive; it can be read back by query-name.
struct StreamName {
  ports::AttemptName attempt;
  ports::EpochName epoch;
  bool operator==(const StreamName&) const = default;
};

// "g1", or "g1 attempt=i-1/b#7 epoch=3.1".
std::string qemu_name(const GuestId& guest, const std::optional<StreamName>& stream);
// Nothing when it names no stream or is not such a name.
std::optional<StreamName> stream_of(std::string_view qemu_name);

struct CommandLine {
  const Config& config;
  const GuestFiles& files;
  const GuestId& guest;
  const ports::MachineRecord& machine;
  std::string tap;  // Empty: no network card.
  std::optional<StreamName> stream;
  bool kvm = false;
  bool raw_base = false;
};

// InvalidArgument when a value would change the meaning of the line: an unnamed CPU model ("host",
// "max"), a memory size of 0, a tap with a comma.
Result<std::vector<std::string>> arguments(const CommandLine& line);

// The credentials object of one end, for -object and object-add; its id is "t".
json::Value credentials(const GuestFiles& files, bool server);
// The line of keys.psk. InvalidArgument unless the key is 32 to 128 hex digits.
Result<std::string> key_line(const std::string& key);

}  // namespace godwit::qemu
