#include "apps/serve_config.h"

#include <format>
#include <fstream>
#include <iterator>

#include "lib/json/json.h"

namespace godwit::apps {
namespace {

Result<std::string> text(const json::Value& value, std::string_view field) {
  if (!value[field].is_string() || value[field].text().empty())
    return invalid(std::format("field \"{}\": a text is needed here", field));
  return value[field].text();
}

Result<ServeConfig> read(const json::Value& value) {
  ServeConfig config;
  ASSIGN_OR_RETURN(config.state_dir, text(value, "state_dir"));
  ASSIGN_OR_RETURN(config.listen, text(value, "listen"));
  if (value.has("api")) {
    ASSIGN_OR_RETURN(config.api, text(value, "api"));
  }
  if (value.has("admin_door")) {
    ASSIGN_OR_RETURN(config.admin_door, text(value, "admin_door"));
  }
  return config;
}

}  // namespace

Result<ServeConfig> load_serve_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found(std::format("{}: cannot be opened for reading", path));
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const auto parsed = in_context(path, json::parse(bytes));
  if (!parsed) return std::unexpected(parsed.error());
  return in_context(path, read(*parsed));
}

}  // namespace godwit::apps
