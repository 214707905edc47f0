#include "apps/up_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <set>

#include "apps/console.h"
#include "apps/state_dir.h"
#include "apps/up_network.h"
#include "lib/json/json.h"
#include "lib/tls/authority.h"
#include "lib/tls/digest.h"
#include "localcloud/config.h"
#include "localcloud/text.h"

namespace godwit::apps {
namespace {

namespace fs = std::filesystem;
using json::Value;

constexpr const char* kMarketFolders[] = {"data/markets", "/usr/share/godwit/markets"};
constexpr const char* kImage = "ami-00000000000000001";

std::string at(const char* host, int port) { return std::format("{}:{}", host, port); }

Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found(std::format("{}: cannot be opened for reading", path));
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

Result<Value> read_market(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_text(path));
  ASSIGN_OR_RETURN(Value market, in_context(path, json::parse(text)));
  if (!market.is_object()) return invalid(std::format("{}: is no object", path));
  for (const char* member : {"types_file", "prices_file"}) {
    if (!market.has(member)) continue;
    const fs::path file = fs::absolute(path).parent_path() / market[member].text();
    market.set(member, file.lexically_normal().string());
  }
  return market;
}

Status write_text(const std::string& path, const std::string& text) {
  unlink(path.c_str());
  const mode_t before = umask(0177);
  std::ofstream out(path, std::ios::binary);
  umask(before);
  out << text;
  out.close();
  if (!out) return unavailable(std::format("{}: cannot be written", path));
  return {};
}

Status write_config(const std::string& path, const Value& value) {
  return write_text(path, value.dump() + "\n");
}

std::string ec2_authority(const std::string& dir) { return dir + "/ec2-ca.pem"; }

// A made-up authority for the EC2 API's certificate, as public ones sign AWS's. Its key is thrown
// away. The certificate is left for other clients (AWS_CA_BUNDLE).
Result<Value> make_tls(const std::string& dir) {
  const tls::Validity valid{now() - std::chrono::hours{1}, now() + std::chrono::years{1}};
  ASSIGN_OR_RETURN(const auto authority, tls::make_authority("godwit local cloud", valid));
  ASSIGN_OR_RETURN(const auto server,
                   tls::issue(authority, {"ec2"}, {"127.0.0.1", "localhost"}, valid));
  TRY(write_text(ec2_authority(dir), authority.certificate));
  return Value{}.set("certificate", server.certificate).set("key", server.key);
}

// The market, and what is ours of the cloud's configuration.
Result<Value> cloud_config(const std::string& dir, const Value& market) {
  Value config;
  for (const auto& [name, value] : market.object())
    if (name != "policy" && name != "machine") config.set(name, value);
  Value instances = market["instances"];
  instances.set("state_dir", dir + "/instances");
  ASSIGN_OR_RETURN(const std::string id, tls::random_hex(8));
  ASSIGN_OR_RETURN(const std::string secret, tls::random_hex(20));
  ASSIGN_OR_RETURN(Value tls, make_tls(dir));
  const Value key = Value{}.set("access_key_id", "AKID" + id).set("secret_access_key", secret);
  return config.set("address", "127.0.0.1")
      .set("port", kEc2Port)
      .set("tls", std::move(tls))
      .set("port_file", dir + "/cloud.port")
      .set("admin_socket", dir + "/cloud.sock")
      .set("credentials", Value::Array{key})
      .set("images", Value{}.set(kImage, "godwit-node"))
      .set("instances", std::move(instances));
}

// The provider: where it is, and what of the market its API does not tell.
Result<Value> provider_config(const std::string& dir, const Value& cloud) {
  ASSIGN_OR_RETURN(const auto market, localcloud::parse_service_config(cloud.dump()));
  const localcloud::Catalog& catalog = market.cloud.catalog;
  Value rates{Value::Object{}};
  for (const auto& [name, type] : catalog.types)
    if (type.nested) rates.set(name, localcloud::usd_text(type.on_demand));
  const Value& key = cloud["credentials"].at(0);
  ASSIGN_OR_RETURN(const std::string authorities, read_text(ec2_authority(dir)));
  Value provider = Value{}
                       .set("endpoint", "https://" + at("127.0.0.1", kEc2Port))
                       .set("authorities", authorities)
                       .set("name", "local")
                       .set("region", catalog.region)
                       .set("access_key_id", key["access_key_id"])
                       .set("secret_access_key", key["secret_access_key"])
                       .set("image", kImage)
                       .set("on_demand_usd", std::move(rates))
                       // A local cloud's time may be compressed, and asking it costs nothing.
                       .set("prices_every_s", 2)
                       .set("list_every_s", 5);
  if (cloud.has("billing")) provider.set("billing", cloud["billing"]);
  return provider;
}

Result<Value> serve_config(const std::string& dir, const Value& market, const Value& cloud,
                           const BootFiles& boot) {
  ASSIGN_OR_RETURN(Value provider, provider_config(dir, cloud));
  Value config =
      Value{}
          .set("state_dir", dir + "/state")
          .set("listen", at(kHostAddress, kAgentsPort))
          .set("api", at("127.0.0.1", kApiPort))
          .set("admin_door", dir + "/serve.sock")
          .set("cloud", std::move(provider))
          .set("join", at(kHostAddress, kJoinPort))
          .set("artifacts", at(kHostAddress, kArtifactsPort))
          .set("images", dir + "/images")
          .set("kernel", boot.kernel)
          .set("initramfs", boot.initramfs)
          .set("gateway", Value{}.set("address", kHostAddress).set("port", kGatewayPort));
  for (const char* name : {"policy", "machine"})
    if (market.has(name)) config.set(name, market[name]);
  return config;
}

Value gateway_config(const std::string& dir) {
  return Value{}
      .set("address", kHostAddress)
      .set("listen", at(kHostAddress, kGatewayPort))
      .set("control", at(kHostAddress, kAgentsPort))
      .set("credentials", dir + "/state/gateway")
      .set("outside", kOutsideDevice)
      .set("public_address", kPublicAddress);
}

// Of the fleet before: its nodes were instances of a cloud that kept nothing.
Status delete_store(const std::string& dir) {
  std::error_code error;
  for (const char* end : {"", "-wal", "-shm", "-journal"})
    fs::remove(store_path(dir + "/state") + end, error);
  if (error)
    return system_error(std::format("delete {}", store_path(dir + "/state")), error.value());
  return {};
}

}  // namespace

std::string default_up_dir() {
  const char* home = std::getenv("XDG_STATE_HOME");
  return home && *home ? std::format("{}/godwit", home) : "/run/godwit";
}

std::string default_cloud_socket() {
  const std::string of_up = default_up_dir() + "/cloud.sock";
  std::error_code error;
  return std::filesystem::exists(of_up, error) ? of_up : localcloud::ServiceConfig{}.admin_socket;
}

Result<std::string> find_market(const std::string& name) {
  if (name.ends_with(".json")) return name;
  std::set<std::string> names;
  std::error_code error;
  for (const char* folder : kMarketFolders) {
    const std::string path = std::format("{}/{}.json", folder, name);
    if (!name.contains('/') && fs::exists(path, error)) return path;
    for (const auto& entry : fs::directory_iterator(folder, error))
      if (entry.path().extension() == ".json") names.insert(entry.path().stem());
  }
  std::string known;
  for (const std::string& one : names) known += (known.empty() ? "" : ", ") + one;
  return not_found(std::format("no market \"{}\"; there are: {}", name,
                               known.empty() ? "none, give the path of a file" : known));
}

Result<BootFiles> find_boot_files(const std::string& self) {
  std::error_code error;
  const auto first = [&error](std::initializer_list<fs::path> paths) -> Result<std::string> {
    for (const fs::path& path : paths)
      if (fs::exists(path, error)) return path.lexically_normal().string();
    return not_found(std::format("no {}", paths.begin()->lexically_normal().string()));
  };
  BootFiles found;
  ASSIGN_OR_RETURN(found.kernel, first({"/usr/lib/godwit/kernel/vmlinuz"}));
  // BUILD/src/apps/godwit and BUILD/guest/initramfs.gz.
  const fs::path build = fs::path(self).parent_path() / "../..";
  ASSIGN_OR_RETURN(found.initramfs,
                   first({build / "guest/initramfs.gz", "/usr/lib/godwit/guest/initramfs.gz"}));
  return found;
}

Status write_up_files(const std::string& dir, const std::string& market, const BootFiles& boot) {
  ASSIGN_OR_RETURN(const Value series, read_market(market));
  std::error_code error;
  fs::create_directories(fs::path(dir).parent_path(), error);
  TRY(make_state_dir(dir));
  TRY(delete_store(dir));
  for (const char* name : {"cloud.port", "up.json"})
    unlink(std::format("{}/{}", dir, name).c_str());
  fs::create_directory(dir + "/instances", error);
  ASSIGN_OR_RETURN(const Value cloud, cloud_config(dir, series));
  auto serve = in_context(market, serve_config(dir, series, cloud, boot));
  if (!serve) return std::unexpected(serve.error());
  TRY(write_config(dir + "/cloud.json", cloud));
  TRY(write_config(dir + "/serve.json", *serve));
  return write_config(dir + "/gateway.json", gateway_config(dir));
}

std::string describe_up(const std::string& dir, const std::string& market) {
  return Value{}
      .set("market", market)
      .set("server", at("127.0.0.1", kApiPort))
      .set("credentials", dir + "/state/user")
      .set("ec2", "https://" + at("127.0.0.1", kEc2Port))
      .set("ec2_authority", ec2_authority(dir))
      .set("images", dir + "/images")
      .set("cloud_socket", dir + "/cloud.sock")
      .set("outside_namespace", kOutsideNamespace)
      .set("public_address", kPublicAddress)
      .set("dir", dir)
      .dump();
}

}  // namespace godwit::apps
