#include "apps/gateway_config.h"

#include "edges/files/file.h"

namespace godwit::apps {
namespace {

Result<GatewayConfig> read(const json::Value& value, const ReadFile& read_file) {
  GatewayConfig config;
  ASSIGN_OR_RETURN(config.network.address, text(value, "address"));
  ASSIGN_OR_RETURN(config.network.outside, text(value, "outside"));
  ASSIGN_OR_RETURN(config.network.public_address, text(value, "public_address"));
  ASSIGN_OR_RETURN(config.listen, text(value, "listen"));
  ASSIGN_OR_RETURN(config.control, text(value, "control"));
  for (const json::Value& network : value["denied"].array()) {
    if (network.text().empty())
      return invalid("field \"denied\": a list of networks is needed, [\"203.0.113.0/24\"]");
    config.network.denied.push_back(network.text());
  }
  ASSIGN_OR_RETURN(const std::string folder, text(value, "credentials"));
  ASSIGN_OR_RETURN(config.credentials.authority, read_file(folder + "/ca.pem"));
  ASSIGN_OR_RETURN(config.credentials.self.certificate, read_file(folder + "/gateway.pem"));
  ASSIGN_OR_RETURN(config.credentials.self.key, read_file(folder + "/gateway.key"));
  return config;
}

}  // namespace

Result<GatewayConfig> parse_gateway_config(std::string_view text, const ReadFile& read_file) {
  ASSIGN_OR_RETURN(const json::Value value, parse_object(text));
  return read(value, read_file);
}

Result<GatewayConfig> load_gateway_config(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, files::read_file(path));
  return in_context(path, parse_gateway_config(bytes, files::read_file));
}

}  // namespace godwit::apps
