#include "edges/qemu/command_line.h"

#include <charconv>
#include <format>

namespace godwit::qemu {
namespace {

// In QEMU's key=value lists a comma ends the value; a doubled one is a comma.
std::string value_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == ',') out += c;
  }
  return out;
}

bool read_number(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

json::Value file_node(const std::string& name, const std::string& path, bool read_only) {
  json::Value node;
  node.set("driver", "file").set("node-name", name).set("filename", path);
  node.set("read-only", read_only).set("discard", "unmap");
  return node;
}

json::Value format_node(const char* driver, const char* name, const char* file, bool read_only) {
  json::Value node;
  node.set("driver", driver).set("node-name", name).set("file", file).set("read-only", read_only);
  return node;
}

void add_disk(const CommandLine& line, std::vector<std::string>& args) {
  const std::string base = line.config.image_dir + "/" + line.machine.base_sha256;
  const char* base_driver = line.raw_base ? "raw" : "qcow2";
  json::Value root = format_node("qcow2", "root0", "of", false);
  root.set("backing", "base").set("discard", "unmap");
  json::Value disk;
  disk.set("driver", "virtio-blk-pci").set("drive", "root0").set("id", "vd0");
  for (const json::Value& node :
       {file_node("bf", base, true), format_node(base_driver, "base", "bf", true),
        file_node("of", line.files.overlay, false), root})
    args.insert(args.end(), {"-blockdev", node.dump()});
  args.insert(args.end(), {"-device", disk.dump()});
}

void add_network(const CommandLine& line, std::vector<std::string>& args) {
  if (line.tap.empty()) return;
  args.insert(
      args.end(),
      {"-netdev", std::format("tap,id=n0,ifname={},script=no,downscript=no,vhost=off", line.tap),
       "-device",
       std::format("virtio-net-pci,netdev=n0,mac={},host_mtu={},id=net0,romfile=", line.machine.mac,
                   line.machine.mtu)});
}

void add_channels(const CommandLine& line, std::vector<std::string>& args) {
  const GuestFiles& f = line.files;
  args.insert(
      args.end(),
      {"-chardev", std::format("file,id=con0,path={},append=on", value_of(f.console)), "-serial",
       "chardev:con0", "-device", "virtio-serial-pci,id=vs0,max_ports=4", "-chardev",
       std::format("socket,id=ctl0,path={},server=on,wait=off", value_of(f.control)), "-device",
       "virtserialport,bus=vs0.0,nr=1,chardev=ctl0,name=q.ctl", "-qmp",
       std::format("unix:{},server=on,wait=off", value_of(f.main)), "-qmp",
       std::format("unix:{},server=on,wait=off", value_of(f.oob))});
}

Status check(const CommandLine& line) {
  const ports::MachineRecord& m = line.machine;
  if (m.cpu_model.empty() || m.cpu_model.starts_with("host") || m.cpu_model.starts_with("max"))
    return invalid(std::format("machine record: cpu model '{}' is not a named one", m.cpu_model));
  if (m.machine_type.empty()) return invalid("machine record: no machine type");
  if (m.memory_mib == 0 || m.vcpus == 0) return invalid("machine record: no memory or no vcpu");
  if (m.overlay_bytes == 0) return invalid("machine record: no overlay size");
  for (const std::string& hash : {m.kernel_sha256, m.initramfs_sha256, m.base_sha256})
    if (hash.empty() || hash.find('/') != std::string::npos)
      return invalid(std::format("machine record: '{}' is not an image's name", hash));
  if ((line.tap + m.mac).find(',') != std::string::npos) return invalid("comma in tap or mac");
  return {};
}

}  // namespace

std::string qemu_name(const GuestId& guest, const std::optional<StreamName>& stream) {
  if (!stream) return guest.value;
  return std::format("{} attempt={}#{} epoch={}.{}", guest.value, stream->attempt.source.value,
                     stream->attempt.number, stream->epoch.generation, stream->epoch.hop);
}

std::optional<StreamName> stream_of(std::string_view name) {
  const auto attempt = name.find(" attempt=");
  const auto epoch = name.rfind(" epoch=");
  if (attempt == name.npos || epoch == name.npos || epoch < attempt) return std::nullopt;
  const std::string_view from = name.substr(attempt + 9, epoch - attempt - 9);
  const std::string_view at = name.substr(epoch + 7);
  const auto hash = from.rfind('#');
  const auto dot = at.find('.');
  StreamName stream;
  if (hash == from.npos || dot == at.npos ||
      !read_number(from.substr(hash + 1), stream.attempt.number) ||
      !read_number(at.substr(0, dot), stream.epoch.generation) ||
      !read_number(at.substr(dot + 1), stream.epoch.hop))
    return std::nullopt;
  stream.attempt.source.value = from.substr(0, hash);
  return stream;
}

Result<std::vector<std::string>> arguments(const CommandLine& line) {
  TRY(check(line));
  const ports::MachineRecord& m = line.machine;
  const std::string images = line.config.image_dir + "/";
  std::vector<std::string> args = {
      line.config.program, "-name", "guest=" + value_of(qemu_name(line.guest, line.stream)), "-S",
      // Nothing that the record does not name: no default devices, no user's configuration.
      "-nodefaults", "-no-user-config", "-display", "none", "-M", m.machine_type, "-cpu",
      m.cpu_model, "-m", std::to_string(m.memory_mib), "-smp", std::to_string(m.vcpus), "-accel",
      line.kvm ? "kvm" : "tcg,thread=multi,tb-size=64", "-kernel", images + m.kernel_sha256,
      "-initrd", images + m.initramfs_sha256, "-append", m.append};
  if (line.config.sandbox)
    args.insert(
        args.end(),
        {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  add_disk(line, args);
  add_network(line, args);
  add_channels(line, args);
  if (line.stream) {
    args.insert(args.end(), {"-object", credentials(line.files, true).dump()});
    args.insert(args.end(), {"-incoming", "defer"});
  }
  return args;
}

json::Value credentials(const GuestFiles& files, bool server) {
  json::Value object;
  object.set("qom-type", "tls-creds-psk").set("id", "t").set("dir", files.key_dir);
  object.set("endpoint", server ? "server" : "client");
  if (!server) object.set("username", "godwit");
  // AES-128-GCM is twice as fast here as what the default priority picks.
  object.set("priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM");
  return object;
}

Result<std::string> key_line(const std::string& key) {
  if (key.size() < 32 || key.size() > 128 || key.size() % 2 != 0 ||
      key.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return invalid("key is not 32 to 128 hex digits");
  return "godwit:" + key + "\n";
}

Result<GuestFiles> files_of(const Config& config, const GuestId& guest) {
  const std::string& id = guest.value;
  const bool plain =
      !id.empty() && id.size() <= 64 && id[0] != '.' &&
      id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
          std::string::npos;
  if (!plain) return invalid(std::format("guest id '{}' is not a plain name", id));
  GuestFiles f;
  f.dir = config.run_dir + "/" + id;
  f.disk_dir = config.disk_dir + "/" + id;
  f.pid = f.dir + "/pid";
  f.main = f.dir + "/main";
  f.oob = f.dir + "/oob";
  f.control = f.dir + "/q.ctl";
  f.console = f.dir + "/console";
  f.log = f.dir + "/log";
  f.key_dir = f.dir + "/key";
  f.key = f.key_dir + "/keys.psk";
  f.overlay = f.disk_dir + "/overlay.qcow2";
  f.overlay_kept = f.disk_dir + "/kept";
  if (f.control.size() > 107)
    return invalid(std::format("path too long for a socket: {}", f.control));
  return f;
}

}  // namespace godwit::qemu
