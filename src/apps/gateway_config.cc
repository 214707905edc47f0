#include "apps/gateway_config.h"

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

Result<GatewayConfig> read(const json::Value& value) {
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

Result<GatewayConfig> load_gateway_config(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  const auto parsed = in_context(path, json::parse(bytes));
  if (!parsed) return std::unexpected(parsed.error());
  return in_context(path, read(*parsed));
}

}  // namespace godwit::apps
