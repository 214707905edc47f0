#include "lib/io/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace godwit::io {

namespace asio = boost::asio;

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Start ticks of a living program; none when there is no such pid or it is a zombie.
std::optional<std::uint64_t> start_ticks(int pid) {
  std::ifstream file(std::format("/proc/{}/stat", pid));
  std::string stat((std::istreambuf_iterator<char>(file)), {});
  // The name in brackets may hold anything, spaces and brackets too: count from the last one.
  const auto bracket = stat.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(bracket + 1));
  std::string state, skipped;
  fields >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  std::uint64_t ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return ticks;
}

std::string read_file(const std::string& path, std::size_t max_bytes) {
  std::ifstream file(path);
  std::string text(max_bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(max_bytes));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace

Result<RunningProgram> start_program(const ProgramStart& start) {
  if (start.argv.empty()) return invalid("start: no program named");
  const std::string output = start.output.empty() ? "/dev/null" : start.output;
  const std::string what = std::format("start {}", start.argv[0]);
  std::vector<char*> argv;
  for (const std::string& word : start.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  // Asio's sockets are not close-on-exec, and a child that held our monitor's connection to another
  // QEMU would keep that QEMU from ever serving our successor.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  // What we blocked or ignore is not the child's affair.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              (start.own_session ? POSIX_SPAWN_SETSID : 0)));
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return system_error(what, error);
  // It may have ended already; then it stays a zombie until wait_ended() and has a start time of 0.
  return RunningProgram{pid, start_ticks(pid).value_or(0)};
}

Task<Status> run_program(std::vector<std::string> argv, std::string output_file) {
  ::unlink(output_file.c_str());
  ProgramStart start{.argv = argv, .output = output_file};
  CO_ASSIGN_OR_RETURN(const RunningProgram program, start_program(start));
  const std::string end = co_await wait_ended(program);
  if (end != "exit status 0")
    co_return internal(std::format("{}: {}: {}", argv[0], end, read_file(output_file, 1000)));
  co_return Status{};
}

RunningProgram this_program() { return {::getpid(), start_ticks(::getpid()).value_or(0)}; }

bool is_alive(const RunningProgram& program) {
  const auto ticks = start_ticks(program.pid);
  return ticks && *ticks == program.start_ticks;
}

Status send_signal(const RunningProgram& program, int signal) {
  const Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, program.pid, 0)));
  if (pidfd.get() < 0) {
    if (errno == ESRCH) return {};
    return system_error(std::format("pidfd_open {}", program.pid), errno);
  }
  // Looked at after the descriptor is open: from here on the pid cannot become another's unseen.
  if (!is_alive(program)) return {};
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0 && errno != ESRCH)
    return system_error(std::format("signal {} to {}", signal, program.pid), errno);
  return {};
}

Task<std::string> wait_ended(RunningProgram program) {
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, program.pid, 0)));
  if (pidfd.get() < 0) co_return "ended";
  if (program.start_ticks != 0) {
    const auto ticks = start_ticks(program.pid);
    if (ticks && *ticks != program.start_ticks) co_return "ended";
  }
  {
    asio::posix::stream_descriptor watched(co_await asio::this_coro::executor, pidfd.get());
    const auto [error] = co_await watched.async_wait(asio::posix::stream_descriptor::wait_read,
                                                     asio::as_tuple(asio::use_awaitable));
    watched.release();
    if (error) co_return "ended";
  }
  int status = 0;
  if (::waitpid(program.pid, &status, WNOHANG) != program.pid) co_return "ended";
  if (WIFEXITED(status)) co_return std::format("exit status {}", WEXITSTATUS(status));
  co_return std::format("signal {}", WTERMSIG(status));
}

Status write_pid_file(const std::string& path, const RunningProgram& program) {
  const std::string next = path + ".tmp";
  {
    std::ofstream file(next, std::ios::trunc);
    file << program.pid << ' ' << program.start_ticks << '\n';
    file.close();
    if (!file) return unavailable(std::format("write {}", next));
  }
  if (std::rename(next.c_str(), path.c_str()) != 0)
    return system_error(std::format("rename {}", next), errno);
  return {};
}

Result<RunningProgram> read_pid_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return not_found(std::format("no pid file {}", path));
  RunningProgram program;
  if (!(file >> program.pid >> program.start_ticks) || program.pid <= 0)
    return data_loss(std::format("not a pid file: {}", path));
  if (!is_alive(program)) return not_found(std::format("pid {} has ended", program.pid));
  return program;
}

}  // namespace godwit::io
