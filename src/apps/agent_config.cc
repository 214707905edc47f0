#include "apps/agent_config.h"

#include <algorithm>
#include <charconv>

#include "edges/files/file.h"

namespace godwit::apps {
namespace {

Status read_peers(const json::Value& value, AgentConfig& config) {
  for (const auto& [name, peer] : value["peers"].object()) {
    auto address = in_context(std::format("peer \"{}\"", name), text(peer, "address"));
    if (!address) return std::unexpected(address.error());
    std::uint16_t port = 0;
    TRY(in_context(std::format("peer \"{}\"", name), read_port(peer, "port", port)));
    config.fleet.nodes[NodeId{name}] = {*address, port};
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

Result<AgentConfig> read(const json::Value& value, const ReadFile& read_file) {
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
  TRY(read_number(value, "uid_first", config.qemu.uid_first));
  TRY(read_number(value, "uid_count", config.qemu.uid_count));
  config.qemu.cgroup = value["cgroup"].text();
  config.boot_id = value["boot_id"].text("/proc/sys/kernel/random/boot_id");
  TRY(read_number(value, "memory_mib", config.agent.memory_mib));
  TRY(read_number(value, "vcpus", config.agent.vcpus));
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

Result<AgentConfig> parse_agent_config(std::string_view text, const ReadFile& read_file) {
  ASSIGN_OR_RETURN(const json::Value value, parse_object(text));
  return read(value, read_file);
}

Result<AgentConfig> load_agent_config(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, files::read_file(path));
  return in_context(path, parse_agent_config(bytes, files::read_file));
}

}  // namespace godwit::apps
