#include "lib/cgroup/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace godwit::cgroup {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRoot = "/sys/fs/cgroup";
constexpr std::string_view kControllers[] = {"cpu", "cpuacct", "memory", "pids", "freezer"};
constexpr std::int64_t kPeriodUs = 100'000;  // The kernel's default.

// One write(2): these files take a value whole, and errors come from that call.
Status write_file(const std::string& path, std::string_view value) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return system_error(std::format("open {}", path), errno);
  const ssize_t written = ::write(fd, value.data(), value.size());
  const int error = errno;
  ::close(fd);
  if (written < 0) return system_error(std::format("write {} to {}", value, path), error);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return system_error(std::format("open {}", path), errno);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::int64_t> number_in(std::string_view text) {
  std::int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{})
    return internal(std::format("not a number: '{}'", text.substr(0, 40)));
  return value;
}

Status make_directories(const std::string& root, const std::string& path, Version version) {
  std::string at = root;
  for (const fs::path& part : fs::path(path)) {
    // With v2 a parent must hand its controllers on before a child has their files.
    if (version == Version::kV2)
      TRY(write_file(at + "/cgroup.subtree_control", "+cpu +memory +pids"));
    at += "/" + part.string();
    if (::mkdir(at.c_str(), 0755) != 0 && errno != EEXIST)
      return system_error(std::format("mkdir {}", at), errno);
  }
  return {};
}

bool is_name(const std::string& path) {
  return !path.empty() && !path.starts_with('/') && !path.contains("..");
}

// The group's directory and all below it, the deepest last.
std::vector<std::string> tree(const std::string& top) {
  std::vector<std::string> all{top};
  std::error_code error;
  for (fs::recursive_directory_iterator at(top, error), end; !error && at != end;
       at.increment(error))
    if (at->is_directory(error)) all.push_back(at->path());
  std::ranges::sort(all, {}, &std::string::size);
  return all;
}

}  // namespace

Result<Version> probe(const std::string& root) {
  if (const auto controllers = read_file(root + "/cgroup.controllers");
      controllers && controllers->contains("cpu") && controllers->contains("memory"))
    return Version::kV2;
  if (fs::exists(root + "/cpu/cpu.cfs_quota_us") &&
      fs::exists(root + "/memory/memory.limit_in_bytes"))
    return Version::kV1;
  return unavailable(std::format("no cgroup controllers cpu and memory below {}", root));
}

Result<std::unique_ptr<Group>> Group::create(const std::string& path) {
  if (!is_name(path)) return invalid(std::format("cgroup path '{}'", path));
  std::unique_ptr<Group> group(new Group);
  ASSIGN_OR_RETURN(group->version_, probe());
  if (group->version_ == Version::kV2) {
    TRY(make_directories(kRoot, path, Version::kV2));
    group->directories_.emplace_back("", std::format("{}/{}", kRoot, path));
    return group;
  }
  for (const std::string_view controller : kControllers) {
    const std::string root = std::format("{}/{}", kRoot, controller);
    if (!fs::exists(root + "/cgroup.procs")) continue;
    TRY(make_directories(root, path, Version::kV1));
    group->directories_.emplace_back(controller, std::format("{}/{}", root, path));
  }
  return group;
}

Group::~Group() {
  for (const auto& [controller, directory] : directories_) {
    const auto all = tree(directory);
    for (auto at = all.rbegin(); at != all.rend(); ++at) ::rmdir(at->c_str());
  }
}

std::string Group::file(std::string_view controller, std::string_view name) const {
  for (const auto& [held, directory] : directories_)
    if (held == controller || version_ == Version::kV2)
      return std::format("{}/{}", directory, name);
  return std::format("/nowhere/{}", name);  // Its open says which.
}

Status Group::limit_cpu(int percent) {
  if (percent < 1) return invalid(std::format("{} % of a CPU", percent));
  const std::int64_t quota = kPeriodUs * percent / 100;
  if (version_ == Version::kV2)
    return write_file(file("cpu", "cpu.max"), std::format("{} {}", quota, kPeriodUs));
  TRY(write_file(file("cpu", "cpu.cfs_period_us"), std::to_string(kPeriodUs)));
  return write_file(file("cpu", "cpu.cfs_quota_us"), std::to_string(quota));
}

Status Group::limit_memory(std::int64_t bytes) {
  const std::string name = version_ == Version::kV2 ? "memory.max" : "memory.limit_in_bytes";
  return write_file(file("memory", name), std::to_string(bytes));
}

Status Group::limit_processes(int count) {
  return write_file(file("pids", "pids.max"), std::to_string(count));
}

Status Group::add(pid_t pid) const {
  for (const std::string& path : join_files()) TRY(write_file(path, std::to_string(pid)));
  return {};
}

std::vector<std::string> Group::join_files() const {
  std::vector<std::string> files;
  for (const auto& [controller, directory] : directories_)
    files.push_back(directory + "/cgroup.procs");
  return files;
}

Result<std::int64_t> Group::cpu_used_us() const {
  if (version_ == Version::kV2) {
    ASSIGN_OR_RETURN(const std::string text, read_file(file("cpu", "cpu.stat")));
    const std::string before = "usage_usec ";
    const auto at = text.find(before);
    if (at == std::string::npos) return internal("cpu.stat has no usage_usec");
    return number_in(std::string_view(text).substr(at + before.size()));
  }
  ASSIGN_OR_RETURN(const std::string text, read_file(file("cpuacct", "cpuacct.usage")));
  ASSIGN_OR_RETURN(const std::int64_t nanoseconds, number_in(text));
  return nanoseconds / 1000;
}

Result<std::int64_t> Group::memory_used() const {
  const std::string name = version_ == Version::kV2 ? "memory.current" : "memory.usage_in_bytes";
  ASSIGN_OR_RETURN(const std::string text, read_file(file("memory", name)));
  return number_in(text);
}

Result<std::vector<pid_t>> Group::members() const {
  std::vector<pid_t> pids;
  for (const std::string& directory : tree(directories_.front().second)) {
    std::ifstream file(directory + "/cgroup.procs");
    for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  }
  return pids;
}

Status Group::kill_all() const {
  if (version_ == Version::kV2) return write_file(file("", "cgroup.kill"), "1");
  // v1 has no such file: frozen, nothing can fork away between the reading and the signal.
  const std::string state = file("freezer", "freezer.state");
  TRY(write_file(state, "FROZEN"));
  const auto pids = members();
  if (pids)
    for (const pid_t pid : *pids) ::kill(pid, SIGKILL);
  TRY(write_file(state, "THAWED"));
  return pids ? Status{} : std::unexpected(pids.error());
}

void sweep(std::string_view prefix, std::int64_t age_s) {
  std::vector<std::string> roots{kRoot};
  for (const std::string_view controller : kControllers)
    roots.push_back(std::format("{}/{}", kRoot, controller));
  for (const std::string& root : roots) {
    std::error_code error;
    for (fs::directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
      struct stat status{};
      if (!at->path().filename().string().starts_with(prefix) ||
          ::stat(at->path().c_str(), &status) != 0 || ::time(nullptr) - status.st_mtime < age_s)
        continue;
      // A directory with a process in it, or above such a one, refuses.
      const auto all = tree(at->path());
      for (auto directory = all.rbegin(); directory != all.rend(); ++directory)
        ::rmdir(directory->c_str());
    }
  }
}

}  // namespace godwit::cgroup
