// A static program for images of the end-to-end tests.
//
//   serve N HZ    prints "line 1" to "line N", HZ a second; listens on TCP 7000, says "signal S" at
//                 SIGUSR1, ends with 3 at SIGTERM
//   show          prints its user, group, directory, GREETING, and "err" on stderr
//   print BYTES   prints so many bytes in lines of 64
//   exit N        ends with N
//   wait          until it is killed
//   reach ADDRESS PORT...   for each port "ADDRESS PORT open|refused|silent|ERROR", within 2 s in
//                 all
//   disk FILE     keeps blocks of 4 KiB for one client after the other on TCP 7000. Asked is a byte
//                 and a block's number (32 bits, little endian): w, the block follows: "k" when it
//                 is on the disk; r: the block as the disk has it, past the page cache; t: the wall
//                 clock in microseconds (64 bits)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kBlock = 4096;

volatile sig_atomic_t caught = 0;
void note(int number) { caught = number; }

int listen_on(std::uint16_t port) {
  const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (::bind(s, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(s, 16) != 0)
    return -1;
  return s;
}

double now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

int serve(long lines, double hz) {
  struct sigaction action{};
  action.sa_handler = note;
  ::sigaction(SIGUSR1, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  const int s = listen_on(7000);
  const double begun = now();
  for (long done = 0;;) {
    while (done < lines && static_cast<double>(done) <= (now() - begun) * hz)
      std::printf("line %ld\n", ++done);
    std::fflush(stdout);
    pollfd wait{s, POLLIN, 0};
    if (::poll(&wait, 1, done < lines ? 5 : 200) > 0) ::close(::accept(s, nullptr, nullptr));
    if (caught == SIGTERM) return 3;
    if (caught != 0) std::printf("signal %d\n", static_cast<int>(caught));
    caught = 0;
  }
}

int show() {
  char dir[1000] = {};
  const char* greeting = std::getenv("GREETING");
  std::printf("%u:%u %s %s\n", ::getuid(), ::getgid(), ::getcwd(dir, sizeof dir),
              greeting ? greeting : "-");
  std::fprintf(stderr, "err\n");
  return 0;
}

// All at once: whoever answers does so in milliseconds.
int reach(const char* address, int count, char** ports) {
  std::vector<pollfd> waits;
  for (int i = 0; i < count; ++i) {
    const int s = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(ports[i])));
    ::inet_pton(AF_INET, address, &to.sin_addr);
    (void)::connect(s, reinterpret_cast<sockaddr*>(&to), sizeof to);
    waits.push_back({s, POLLOUT, 0});
  }
  ::usleep(2'000'000);
  ::poll(waits.data(), waits.size(), 0);
  for (int i = 0; i < count; ++i) {
    const pollfd& wait = waits[static_cast<std::size_t>(i)];
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(wait.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    const char* what = "open";
    if (error != 0) what = error == ECONNREFUSED ? "refused" : std::strerror(error);
    if (wait.revents == 0) what = "silent";
    std::printf("%s %s %s\n", address, ports[i], what);
  }
  return 0;
}

bool whole(int s, void* data, std::size_t size) {
  return ::recv(s, data, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

// False: the client went away, or the disk failed, which it is not told by an answer.
bool answer(int s, int file, std::uint8_t* block) {
  struct [[gnu::packed]] {
    char verb;
    std::uint32_t number;
  } asked;
  if (!whole(s, &asked, sizeof asked)) return false;
  const off_t at = static_cast<off_t>(asked.number) * kBlock;
  if (asked.verb == 'w') {
    return whole(s, block, kBlock) && ::pwrite(file, block, kBlock, at) == kBlock &&
           ::fdatasync(file) == 0 && ::send(s, "k", 1, MSG_NOSIGNAL) == 1;
  }
  if (asked.verb == 'r')
    return ::pread(file, block, kBlock, at) == kBlock &&
           ::send(s, block, kBlock, MSG_NOSIGNAL) == kBlock;
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  const std::int64_t us = t.tv_sec * 1'000'000LL + t.tv_nsec / 1000;
  return asked.verb == 't' && ::send(s, &us, sizeof us, MSG_NOSIGNAL) == sizeof us;
}

int disk(const char* path) {
  const int file = ::open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  const int listener = listen_on(7000);
  auto* const block = static_cast<std::uint8_t*>(std::aligned_alloc(kBlock, kBlock));
  if (file < 0 || listener < 0) return 1;
  for (pollfd wait{listener, POLLIN, 0};; ::poll(&wait, 1, -1)) {
    const int s = ::accept(listener, nullptr, nullptr);
    if (s < 0) continue;
    const int yes = 1;
    ::setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    while (answer(s, file, block)) {
    }
    ::close(s);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  const long number = argc > 2 ? std::atol(argv[2]) : 0;
  if (verb == "serve") return serve(number, argc > 3 ? std::atof(argv[3]) : 1000);
  if (verb == "show") return show();
  if (verb == "reach" && argc > 2) return reach(argv[2], argc - 3, argv + 3);
  if (verb == "disk" && argc > 2) return disk(argv[2]);
  if (verb == "exit") return static_cast<int>(number);
  for (long i = 0; verb == "print" && i < number / 64; ++i) std::printf("%063ld\n", i);
  while (verb == "wait") ::pause();
  return verb == "print" ? 0 : 64;
}
