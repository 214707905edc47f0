#include "apps/agent_config.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include "lib/json/json.h"

namespace godwit::apps {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found(std::format("{}: cannot be opened for reading", path));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// A text that must be there.
Result<std::string> text(const json::Value& value, std::string_view field) {
  if (!value[field].is_string() || value[field].text().empty())
    return invalid(std::format("field \"{}\": a text is needed here", field));
  return value[field].text();
}

Status read_peers(const json::Value& value, AgentConfig& config) {
  for (const auto& [name, peer] : value["peers"].object()) {
    auto address = in_context(std::format("peer \"{}\"", name), text(peer, "address"));
    if (!address) return std::unexpected(address.error());
    const std::uint64_t port = peer["port"].natural();
    if (port == 0 || port > 65535)
      return invalid(
          std::format("peer \"{}\": field \"port\": a number from 1 to 65535 is needed", name));
    config.fleet.nodes[NodeId{name}] = {*address, static_cast<std::uint16_t>(port)};
  }
  return {};
}

// The port is told to others.
Status read_listen(AgentConfig& config) {
  const std::string& listen = config.listen;
  const char* const end = listen.data() + listen.size();
  const char* const begin = listen.data() + std::min(listen.rfind(':'), listen.size() - 1) + 1;
  const auto [at, bad] = std::from_chars(begin, end, config.agent.port);
  if (bad != std::errc{} || at != end || config.agent.port == 0)
    return invalid(std::format("field \"listen\": host:port is needed, it is \"{}\"", listen));
  return {};
}

Result<AgentConfig> read(const json::Value& value) {
  AgentConfig config;
  ASSIGN_OR_RETURN(config.agent.self.value, text(value, "node"));
  ASSIGN_OR_RETURN(config.agent.address, text(value, "address"));
  ASSIGN_OR_RETURN(config.listen, text(value, "listen"));
  ASSIGN_OR_RETURN(config.control, text(value, "control"));
  ASSIGN_OR_RETURN(const std::string certificate, text(value, "certificate"));
  ASSIGN_OR_RETURN(const std::string key, text(value, "key"));
  ASSIGN_OR_RETURN(const std::string authority, text(value, "authority"));
  ASSIGN_OR_RETURN(config.credentials.self.certificate, read_file(certificate));
  ASSIGN_OR_RETURN(config.credentials.self.key, read_file(key));
  ASSIGN_OR_RETURN(config.credentials.authority, read_file(authority));
  ASSIGN_OR_RETURN(config.record_dir, text(value, "record_dir"));
  ASSIGN_OR_RETURN(config.qemu.run_dir, text(value, "run_dir"));
  ASSIGN_OR_RETURN(config.qemu.disk_dir, text(value, "disk_dir"));
  ASSIGN_OR_RETURN(config.qemu.image_dir, text(value, "image_dir"));
  config.log_dir = value["log_dir"].text("/var/lib/godwit/logs");
  if (value.has("gateway")) config.gateway = value["gateway"].text();
  config.qemu.listen_address = config.agent.address;
  config.qemu.uid_first = static_cast<std::uint32_t>(value["uid_first"].natural());
  config.qemu.uid_count = static_cast<std::uint32_t>(value["uid_count"].natural());
  config.qemu.cgroup = value["cgroup"].text();
  config.boot_id = value["boot_id"].text("/proc/sys/kernel/random/boot_id");
  config.agent.memory_mib = static_cast<std::uint32_t>(value["memory_mib"].natural());
  config.agent.vcpus = static_cast<std::uint32_t>(value["vcpus"].natural());
  TRY(read_listen(config));
  ASSIGN_OR_RETURN(config.agent.boot_id, read_file(config.boot_id));
  config.agent.boot_id.erase(config.agent.boot_id.find_last_not_of(" \n") + 1);
  TRY(read_peers(value, config));
  config.artifacts = value["artifacts"].text();
  config.imds = value["imds"].text();
  if (!config.imds.empty()) config.agent.ask_notice = kAskNotice;
  return config;
}

}  // namespace

Result<AgentConfig> load_agent_config(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  const auto parsed = in_context(path, json::parse(bytes));
  if (!parsed) return std::unexpected(parsed.error());
  return in_context(path, read(*parsed));
}

}  // namespace godwit::apps
