#include "edges/oci/read.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <format>

namespace godwit::oci {
namespace {

// More than any configuration, index or passwd has; a file can be made to look larger than memory.
constexpr std::size_t kTextMax = 16 << 20;

// Takes the descriptor.
Result<std::string> read_all(int fd, const std::string& path) {
  struct stat found{};
  if (::fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
    ::close(fd);
    return invalid(std::format("{}: not a file", path));
  }
  std::string text;
  ssize_t n = 1;
  while (n > 0 && text.size() <= kTextMax) {
    char buffer[64 * 1024];
    n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
  }
  const int error = errno;
  ::close(fd);
  if (n < 0) return system_error(path, error);
  if (text.size() > kTextMax) return invalid(std::format("{}: above {} bytes", path, kTextMax));
  return text;
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return system_error(path, errno);
  return read_all(fd, path);
}

Result<std::string> read_inside(const std::string& tree, const char* name) {
  const int root = ::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, root, name, &how, sizeof how);
  if (root >= 0) ::close(root);
  if (fd < 0) return "";
  return read_all(static_cast<int>(fd), name);
}

}  // namespace godwit::oci
