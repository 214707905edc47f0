// Are the files of a machine record the bytes that it names? Asked before each start of a QEMU: a
// guest that came with another base image would read another disk, and nothing would say so. What
// is not here, or is damaged, is fetched first if there is a source.
//
// A file is hashed by a thread of its own, one file at a time, and once: its hash is remembered
// with its inode, size, and times of change (mtime and ctime, in nanoseconds; whoever writes into
// it moves the latter, also when he sets the former back).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/error.h"
#include "lib/io/loop.h"
#include "ports/machine.h"

namespace godwit::qemu {

// Brings the file of that hash into the image directory, under its hash and checked, whatever was
// there; asked twice for one hash, it brings it once. On the loop's thread.
using ImageSource = std::function<io::Task<Status>(std::string sha256)>;

class Images {
 public:
  // The loop outlives this and has stopped when this is destroyed, which waits for a hash under
  // way. Without `source`, nothing is fetched.
  Images(io::Loop& loop, std::string dir, ImageSource source = nullptr)
      : loop_(loop), dir_(std::move(dir)), source_(std::move(source)), changed_(loop) {}
  Images(const Images&) = delete;
  Images& operator=(const Images&) = delete;

  // Kernel, initramfs and base, each `dir`/HASH. FailedPrecondition: one is missing, or is not what
  // its name says, and could not be fetched within `patience` (none: however long the source
  // takes); the message names the file and both hashes. What is on its way comes all the same.
  io::Task<Status> check(const ports::MachineRecord& machine,
                         std::optional<Duration> patience = std::nullopt);
  // The same of one file.
  io::Task<Status> bring(std::string sha256) { return check_file(std::move(sha256), {}); }
  // How many files were hashed since the start.
  std::uint64_t hashed() const { return hashed_; }

 private:
  struct Stamp {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified_ns = 0, changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  struct Known {
    Stamp stamp;
    std::string sha256;
  };
  static Result<Stamp> stamp_of(const std::string& path);
  io::Task<Status> check_file(std::string name, std::optional<Duration> patience);
  // FailedPrecondition: not here, or other bytes.
  io::Task<Status> check_here(std::string name);
  io::Task<Status> fetch(std::string name);
  io::Task<void> fetch_aside(std::string name);
  io::Task<Result<std::string>> hash_of(std::string path);

  io::Loop& loop_;
  const std::string dir_;
  const ImageSource source_;
  io::Notifier changed_;
  std::map<std::string, Known> known_;   // By path.
  std::set<std::string> coming_;         // Are being fetched.
  std::map<std::string, Error> failed_;  // The last fetch of each.
  bool busy_ = false;
  std::uint64_t hashed_ = 0;
  std::jthread worker_;  // Last: joined before the rest goes.
};

}  // namespace godwit::qemu
