#include "edges/qemu/confine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <format>
#include <set>

namespace godwit::qemu {

namespace fs = std::filesystem;

namespace {

// Directories and what is in them; links themselves, not what they point to.
Status give(const std::string& path, uid_t uid) {
  std::vector<std::string> paths{path};
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(path, error))
    paths.push_back(entry.path());
  for (const std::string& each : paths)
    if (::lchown(each.c_str(), uid, uid) != 0 && errno != ENOENT)
      return system_error(std::format("give {} to {}", each, uid), errno);
  return {};
}

std::optional<uid_t> owner_of(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
  return found.st_uid;
}

}  // namespace

Result<std::optional<uid_t>> claim_uid(const Config& config, const GuestFiles& files) {
  if (config.uid_count == 0) return std::nullopt;
  const uid_t last = config.uid_first + config.uid_count - 1;
  const auto is_ours = [&](uid_t uid) { return uid >= config.uid_first && uid <= last; };
  std::optional<uid_t> uid = owner_of(files.dir);
  if (!uid || !is_ours(*uid)) {
    std::set<uid_t> taken;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(config.run_dir, error))
      if (const auto owner = owner_of(entry.path())) taken.insert(*owner);
    uid = config.uid_first;
    while (taken.contains(*uid))
      if (++*uid > last)
        return fail(Code::kResourceExhausted,
                    std::format("all uids {}-{} of this node are taken", config.uid_first, last));
  }
  TRY(give(files.dir, *uid));
  TRY(give(files.disk_dir, *uid));
  return uid;
}

void release_uid(const GuestFiles& files) {
  const uid_t self = ::geteuid();
  if (owner_of(files.dir).value_or(self) == self) return;
  (void)give(files.disk_dir, self);
  (void)give(files.dir, self);
}

std::vector<std::string> launcher(std::optional<uid_t> uid, bool kvm) {
  if (!uid) return {};
  const std::string id = std::to_string(*uid);
  std::vector<std::string> words{"setpriv",
                                 "--reuid",
                                 id,
                                 "--regid",
                                 id,
                                 "--no-new-privs",
                                 "--inh-caps=-all",
                                 "--bounding-set=-all"};
  struct stat device{};
  if (kvm && ::stat("/dev/kvm", &device) == 0) {
    words.insert(words.end(), {"--groups", std::to_string(device.st_gid)});
  } else {
    words.emplace_back("--clear-groups");
  }
  return words;
}

Result<std::unique_ptr<cgroup::Group>> open_group(const Config& config, const GuestId& guest) {
  if (config.cgroup.empty()) return nullptr;
  return cgroup::Group::create(config.cgroup + "/" + guest.value);
}

Status limit(cgroup::Group& group, const ports::MachineRecord& machine) {
  TRY(group.limit_memory((std::int64_t{machine.memory_mib} + 256) << 20));
  return group.limit_cpu(static_cast<int>(machine.vcpus + 1) * 100);
}

}  // namespace godwit::qemu
