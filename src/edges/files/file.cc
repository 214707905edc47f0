#include "edges/files/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <format>

namespace godwit::files {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

Status write_file(const std::string& path, std::string_view text) {
  const File file{open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (file.fd() < 0) return system_error(std::format("open {}", path), errno);
  while (!text.empty()) {
    const ssize_t done = write(file.fd(), text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(std::format("write {}", path), errno);
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const File file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd() < 0) return system_error(std::format("open {}", path), errno);
  std::string text;
  char buffer[1 << 14];
  for (;;) {
    const ssize_t got = read(file.fd(), buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(std::format("read {}", path), errno);
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

Status replace_file(const std::string& path, std::string_view text) {
  const std::string draft = path + ".new";
  Status done = write_file(draft, text);
  if (done && rename(draft.c_str(), path.c_str()) != 0) {
    done = system_error(std::format("rename {} to {}", draft, path), errno);
  }
  if (!done) unlink(draft.c_str());
  return done;
}

}  // namespace godwit::files
