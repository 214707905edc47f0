#include "edges/qemu/images.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <optional>

#include "lib/tls/digest.h"

namespace godwit::qemu {

namespace {

// Between two looks at what is waited for, if nothing wakes earlier.
constexpr Duration kLook = std::chrono::seconds{1};

}  // namespace

Result<Images::Stamp> Images::stamp_of(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0)
    return precondition(std::format("no image {} on this node", path));
  const auto nanoseconds = [](const timespec& t) {
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  };
  return Stamp{found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
               nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)};
}

io::Task<Status> Images::check(const ports::MachineRecord& machine,
                               std::optional<Duration> patience) {
  CO_TRY(co_await check_file(machine.kernel_sha256, patience));
  CO_TRY(co_await check_file(machine.initramfs_sha256, patience));
  co_return co_await check_file(machine.base_sha256, patience);
}

io::Task<Status> Images::check_file(std::string name, std::optional<Duration> patience) {
  const Status here = co_await check_here(name);
  if (here || !source_) co_return here;
  if (coming_.insert(name).second) loop_.spawn(fetch_aside(name));
  const auto begun = std::chrono::steady_clock::now();
  while (coming_.contains(name)) {
    const auto waited = std::chrono::steady_clock::now() - begun;
    if (patience && waited >= *patience)
      co_return precondition(std::format("{}; it is on its way", here.error().message));
    co_await changed_.wait(std::min<Duration>(patience.value_or(kLook), kLook));
  }
  const auto failed = failed_.find(name);
  if (failed == failed_.end()) co_return Status{};
  co_return precondition(std::format("{}; {}", here.error().message, failed->second.message));
}

io::Task<void> Images::fetch_aside(std::string name) {
  const Status end = co_await fetch(name);
  failed_.erase(name);
  if (!end) failed_.emplace(name, end.error());
  coming_.erase(name);
  changed_.notify();
}

io::Task<Status> Images::fetch(std::string name) {
  CO_TRY(co_await source_(name));
  // Its bytes were hashed on their way: once is enough.
  const std::string path = dir_ + "/" + name;
  CO_ASSIGN_OR_RETURN(const Stamp stamp, stamp_of(path));
  known_[path] = {stamp, name};
  co_return Status{};
}

io::Task<Status> Images::check_here(std::string name) {
  const std::string path = dir_ + "/" + name;
  CO_ASSIGN_OR_RETURN(const std::string hash, co_await hash_of(path));
  if (hash != name)
    co_return precondition(std::format("image {} has sha256 {}, not {}", path, hash, name));
  co_return Status{};
}

io::Task<Result<std::string>> Images::hash_of(std::string path) {
  // Looked at again after each wait: the file may have changed while it was read.
  for (;;) {
    CO_ASSIGN_OR_RETURN(const Stamp stamp, stamp_of(path));
    const auto known = known_.find(path);
    if (known != known_.end() && known->second.stamp == stamp) co_return known->second.sha256;
    if (busy_) {
      co_await changed_.wait(std::chrono::seconds{1});
      continue;
    }
    busy_ = true;
    std::optional<Result<std::string>> hash;
    worker_ = std::jthread([this, path, &hash] {
      auto found = tls::sha256_of_file(path);
      loop_.post([this, &hash, found = std::move(found)] {
        hash = found;
        busy_ = false;
        ++hashed_;
        changed_.notify();
      });
    });
    while (!hash) co_await changed_.wait(std::chrono::seconds{1});
    if (!*hash) co_return std::unexpected(hash->error());
    known_[path] = {stamp, **hash};
  }
}

}  // namespace godwit::qemu
