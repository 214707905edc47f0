#include "edges/oci/config.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace godwit::oci {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(by, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// What is read of a line: name, password, id, and in passwd the group.
constexpr std::size_t kPasswdFields = 4, kGroupFields = 3;

// The first line of a passwd or group file with so many fields at least, whose field `field` is
// `key`.
std::optional<std::vector<std::string_view>> entry(std::string_view file, std::size_t fields_min,
                                                   std::size_t field, std::string_view key) {
  for (const std::string_view line : split(file, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() >= fields_min && fields[field] == key) return fields;
  }
  return std::nullopt;
}

std::vector<std::string> texts(const json::Value& array) {
  std::vector<std::string> out;
  for (const json::Value& value : array.array()) out.push_back(value.text());
  return out;
}

json::Value to_array(const std::vector<std::string>& words) {
  json::Value::Array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

}  // namespace

Result<User> resolve_user(std::string_view user, std::string_view passwd, std::string_view group) {
  User found;
  const std::size_t colon = user.find(':');
  const std::string_view name = user.substr(0, colon);
  if (!name.empty()) {
    const auto id = number<std::uint32_t>(name);
    const auto line = entry(passwd, kPasswdFields, id ? 2 : 0, name);
    if (!id && !line) return not_found(std::format("user '{}': not in the image's passwd", name));
    found.uid = id.value_or(0);
    if (line) {
      const auto uid = number<std::uint32_t>((*line)[2]);
      const auto gid = number<std::uint32_t>((*line)[3]);
      if (!uid || !gid) return invalid(std::format("user '{}': bad line in passwd", name));
      found = {*uid, *gid};
    }
  }
  if (colon == user.npos) return found;
  const std::string_view group_name = user.substr(colon + 1);
  if (const auto gid = number<std::uint32_t>(group_name)) {
    found.gid = *gid;
    return found;
  }
  const auto line = entry(group, kGroupFields, 0, group_name);
  if (!line) return not_found(std::format("group '{}': not in the image's group", group_name));
  const auto gid = number<std::uint32_t>((*line)[2]);
  if (!gid) return invalid(std::format("group '{}': bad line in group", group_name));
  found.gid = *gid;
  return found;
}

Result<ImageConfig> read_image_config(const json::Value& blob, std::string_view passwd,
                                      std::string_view group) {
  const json::Value& config = blob["config"];
  ImageConfig out;
  out.entrypoint = texts(config["Entrypoint"]);
  out.cmd = texts(config["Cmd"]);
  out.env = texts(config["Env"]);
  out.cwd = config["WorkingDir"].text("/");
  if (out.cwd.empty()) out.cwd = "/";
  ASSIGN_OR_RETURN(const User user, resolve_user(config["User"].text(), passwd, group));
  out.uid = user.uid;
  out.gid = user.gid;
  // "8080/tcp", "53/udp", or a bare number, which means TCP.
  for (const auto& [text, unused] : config["ExposedPorts"].object()) {
    const auto parts = split(text, '/');
    if (parts.size() > 1 && parts[1] != "tcp") continue;
    const auto port = number<std::uint16_t>(parts[0]);
    if (!port) return invalid(std::format("exposed port '{}': not a port", text));
    out.ports.push_back(*port);
  }
  std::ranges::sort(out.ports);
  return out;
}

json::Value to_json(const ImageConfig& config) {
  json::Value::Array ports;
  for (const std::uint16_t port : config.ports) ports.emplace_back(port);
  json::Value out;
  out.set("entrypoint", to_array(config.entrypoint)).set("cmd", to_array(config.cmd));
  out.set("env", to_array(config.env)).set("cwd", config.cwd);
  out.set("uid", config.uid).set("gid", config.gid).set("ports", ports);
  return out;
}

Result<ImageConfig> from_json(const json::Value& value) {
  if (!value.is_object()) return data_loss("image.json: not an object");
  ImageConfig out;
  out.entrypoint = texts(value["entrypoint"]);
  out.cmd = texts(value["cmd"]);
  out.env = texts(value["env"]);
  out.cwd = value["cwd"].text("/");
  out.uid = static_cast<std::uint32_t>(value["uid"].natural());
  out.gid = static_cast<std::uint32_t>(value["gid"].natural());
  for (const json::Value& port : value["ports"].array())
    out.ports.push_back(static_cast<std::uint16_t>(port.natural()));
  return out;
}

}  // namespace godwit::oci
