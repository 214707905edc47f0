#include "apps/join_config.h"

#include <format>

#include "apps/config_file.h"
#include "lib/http/client.h"

namespace godwit::apps {
namespace {

Result<std::string> url(const json::Value& value, const char* field) {
  ASSIGN_OR_RETURN(std::string found, text(value, field));
  TRY(in_context(std::format("field \"{}\"", field), http::parse_address(found)));
  return found;
}

Result<std::string> directory(const json::Value& value, const char* field,
                              const std::string& usual) {
  std::string path = value[field].text(usual);
  if (!path.starts_with('/'))
    return invalid(std::format("field \"{}\": an absolute path is needed", field));
  return path;
}

Result<JoinConfig> read(const json::Value& value) {
  TRY(only(value, {"token", "authority", "join", "control", "artifacts", "imds", "gateway", "port",
                   "memory_reserve_mib", "state_dir", "run_dir"}));
  JoinConfig config;
  ASSIGN_OR_RETURN(config.token, text(value, "token"));
  ASSIGN_OR_RETURN(config.authority, text(value, "authority"));
  ASSIGN_OR_RETURN(config.join, text(value, "join"));
  ASSIGN_OR_RETURN(config.control, text(value, "control"));
  ASSIGN_OR_RETURN(config.artifacts, url(value, "artifacts"));
  if (value.has("imds")) {
    ASSIGN_OR_RETURN(config.imds, url(value, "imds"));
  }
  if (value.has("gateway")) {
    ASSIGN_OR_RETURN(config.gateway, text(value, "gateway"));
  }
  TRY(read_port(value, "port", config.port));
  TRY(read_number(value, "memory_reserve_mib", config.memory_reserve_mib));
  ASSIGN_OR_RETURN(config.state_dir, directory(value, "state_dir", config.state_dir));
  ASSIGN_OR_RETURN(config.run_dir, directory(value, "run_dir", config.run_dir));
  return config;
}

}  // namespace

std::string to_json(const JoinConfig& config) {
  json::Value value;
  value.set("token", config.token).set("authority", config.authority);
  value.set("join", config.join).set("control", config.control);
  value.set("artifacts", config.artifacts);
  if (!config.imds.empty()) value.set("imds", config.imds);
  if (config.gateway) value.set("gateway", *config.gateway);
  value.set("port", config.port).set("memory_reserve_mib", config.memory_reserve_mib);
  value.set("state_dir", config.state_dir).set("run_dir", config.run_dir);
  return value.dump();
}

Result<JoinConfig> parse_join_config(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Value value, parse_object(text));
  return read(value);
}

Result<JoinConfig> load_join_config(const std::string& path) {
  ASSIGN_OR_RETURN(const json::Value value, load_object(path));
  return in_context(path, read(value));
}

}  // namespace godwit::apps
