#include "edges/files/fleet.h"

#include <format>
#include <limits>

#include "edges/files/file.h"
#include "lib/json/json.h"

namespace godwit::files {
namespace {

using json::Value;

constexpr std::int64_t kFormat = 1;

Value to_json(const ports::PeerAddress& peer) {
  return Value{}.set("address", peer.address).set("port", peer.port);
}

Result<ports::PeerAddress> peer_of(const std::string& name, const Value& value) {
  const std::uint64_t port = value["port"].natural();
  if (value["address"].text().empty() || port == 0 ||
      port > std::numeric_limits<std::uint16_t>::max())
    return data_loss(std::format("{}: no valid address and port", name));
  return ports::PeerAddress{value["address"].text(), static_cast<std::uint16_t>(port)};
}

}  // namespace

std::string fleet_text(const ports::Fleet& fleet) {
  Value::Object nodes;
  for (const auto& [node, peer] : fleet.nodes) nodes[node.value] = to_json(peer);
  Value value = Value{}.set("format", kFormat).set("nodes", std::move(nodes));
  if (fleet.gateway) value.set("gateway", to_json(*fleet.gateway));
  return value.dump() + "\n";
}

Result<ports::Fleet> parse_fleet(std::string_view text) {
  ASSIGN_OR_RETURN(const Value value, json::parse(text));
  if (value["format"] != Value{kFormat} || !value["nodes"].is_object())
    return data_loss(std::format("no picture of nodes of format {}", kFormat));
  ports::Fleet fleet;
  for (const auto& [name, peer] : value["nodes"].object()) {
    ASSIGN_OR_RETURN(fleet.nodes[NodeId{name}], peer_of(name, peer));
  }
  if (value.has("gateway")) {
    ASSIGN_OR_RETURN(fleet.gateway, peer_of("gateway", value["gateway"]));
  }
  return fleet;
}

Status write_fleet(const std::string& path, const ports::Fleet& fleet) {
  return replace_file(path, fleet_text(fleet));
}

Result<ports::Fleet> read_fleet(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return in_context(path, parse_fleet(text));
}

}  // namespace godwit::files
