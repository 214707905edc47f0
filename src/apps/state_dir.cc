#include "apps/state_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <format>
#include <fstream>
#include <iterator>

namespace godwit::apps {
namespace {

// Written whole or not at all, and durable: a fleet cannot get another key.
Status write_whole(const std::string& path, const std::string& bytes, mode_t mode) {
  const std::string draft = path + ".new";
  unlink(draft.c_str());
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return system_error(std::format("open {}", draft), errno);
  const ssize_t done = write(fd, bytes.data(), bytes.size());
  const bool good = done == static_cast<ssize_t>(bytes.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!good) return system_error(std::format("write {}", draft), error);
  if (rename(draft.c_str(), path.c_str()) != 0)
    return system_error(std::format("rename {}", draft), errno);
  return {};
}

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<tls::Identity> make(const std::string& key, const std::string& certificate, Time now) {
  // Longer than any fleet; a fleet's authority is not renewed.
  const tls::Validity valid{now - std::chrono::hours{1}, now + std::chrono::years{20}};
  ASSIGN_OR_RETURN(tls::Identity authority, tls::make_authority("godwit", valid));
  TRY(write_whole(key, authority.key, 0600));
  TRY(write_whole(certificate, authority.certificate, 0644));
  return authority;
}

// A folder with ca.pem, NAME.key and NAME.pem.
Status make_credentials(const std::string& dir, const std::string& name, const NodeId& id,
                        const tls::Identity& authority, Time now) {
  const std::string certificate = std::format("{}/{}.pem", dir, name);
  // Written last: with it the others are there.
  if (access(certificate.c_str(), F_OK) == 0) return {};
  TRY(make_state_dir(dir));
  const tls::Validity valid{now - std::chrono::hours{1}, now + std::chrono::years{5}};
  ASSIGN_OR_RETURN(const tls::Identity identity, tls::issue(authority, id, {}, valid));
  TRY(write_whole(dir + "/ca.pem", authority.certificate, 0644));
  TRY(write_whole(std::format("{}/{}.key", dir, name), identity.key, 0600));
  return write_whole(certificate, identity.certificate, 0644);
}

}  // namespace

Status make_state_dir(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error(std::format("make {}", path), errno);
  return {};
}

std::string store_path(const std::string& state_dir) { return state_dir + "/store"; }

Result<tls::Identity> open_authority(const std::string& state_dir, Time now) {
  const std::string key = state_dir + "/authority.key", certificate = state_dir + "/authority.pem";
  const bool has_key = access(key.c_str(), F_OK) == 0;
  const bool has_certificate = access(certificate.c_str(), F_OK) == 0;
  // The certificate is written last: without it nobody has been given one by this key.
  if (!has_certificate) return make(key, certificate, now);
  tls::Identity authority{read_whole(certificate), has_key ? read_whole(key) : ""};
  if (authority.key.empty()) return data_loss(std::format("{}: the fleet's key is missing", key));
  if (authority.certificate.empty()) return data_loss(std::format("{}: is empty", certificate));
  return authority;
}

Status make_first_user(const std::string& state_dir, const tls::Identity& authority, Time now) {
  return make_credentials(state_dir + "/user", "user", NodeId{"user/admin"}, authority, now);
}

Status make_gateway(const std::string& state_dir, const tls::Identity& authority, Time now) {
  return make_credentials(state_dir + "/gateway", "gateway", NodeId{"gateway"}, authority, now);
}

}  // namespace godwit::apps
