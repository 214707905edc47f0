#include "apps/region.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <format>
#include <fstream>
#include <utility>

#include "apps/console.h"
#include "apps/supervisor.h"
#include "apps/up_files.h"
#include "apps/up_network.h"
#include "lib/io/stream.h"

namespace godwit::apps {
namespace {

io::Task<bool> listens(std::string host, int port) {
  const auto stream = co_await io::Stream::connect_tcp(host, static_cast<std::uint16_t>(port),
                                                       std::chrono::seconds{1});
  co_return stream.has_value();
}

io::Task<bool> exists(std::string path) { co_return access(path.c_str(), F_OK) == 0; }

std::vector<Unit> units(const std::string& dir) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto argv = [&](const char* name) {
    return std::vector<std::string>{self, name, std::format("{}/{}.json", dir, name)};
  };
  return {{"cloud", argv("cloud"), [dir] { return exists(dir + "/cloud.port"); }},
          {"serve", argv("serve"), [] { return listens("127.0.0.1", kApiPort); }},
          {"gateway", argv("gateway"), [] { return listens(kHostAddress, kGatewayPort); }}};
}

class Region {
 public:
  Region(io::Loop& loop, const RegionPlace& place)
      : loop_(loop), place_(place), supervisor_(loop, place.dir, log) {}

  io::Task<void> run() {
    const Status up = co_await start();
    if (!up) {
      std::fprintf(stderr, "godwit: %s\n", up.error().message.c_str());
      status_ = 69;
      co_await stop();
    }
  }
  io::Task<void> stop() {
    if (stopping_) co_return;
    stopping_ = true;
    unlink((place_.dir + "/up.json").c_str());
    co_await supervisor_.stop(kRegionEndOrder);
    if (const Status gone = remove_network(); !gone) log(to_string(gone.error()));
    unlink((place_.dir + "/up.pid").c_str());
    loop_.stop();
  }
  int status() const { return status_; }

 private:
  io::Task<Status> start() {
    co_await end_leftovers(place_.dir, kRegionEndOrder, Patience{}.stop);
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    CO_ASSIGN_OR_RETURN(const BootFiles boot, find_boot_files(self));
    CO_TRY(write_up_files(place_.dir, place_.market, boot));
    CO_TRY(remove_network());  // Of a killed one: its guests' addresses are given anew.
    CO_TRY(make_outside());
    for (Unit& unit : units(place_.dir)) {
      if (stopping_) co_return Status{};
      CO_TRY(co_await supervisor_.start(std::move(unit)));
    }
    if (stopping_) co_return Status{};
    const std::string path = place_.dir + "/up.json";
    std::ofstream(path + ".new") << describe_up(place_.dir, place_.market) << '\n';
    std::filesystem::rename(path + ".new", path);
    log("up");
    co_return Status{};
  }

  io::Loop& loop_;
  const RegionPlace& place_;
  Supervisor supervisor_;
  bool stopping_ = false;
  int status_ = 0;
};

}  // namespace

Status lock_region(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  const std::string path = dir + "/up.lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);  // Never closed.
  if (fd < 0) return system_error(std::format("open {}", path), errno);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0)
    return fail(Code::kAborted, std::format("{}: it runs already", dir));
  return {};
}

int run_region(const RegionPlace& place) {
  const Status told = io::write_pid_file(place.dir + "/up.pid", io::this_program());
  if (!told) return complain(told.error());
  io::Loop loop;
  Region region(loop, place);
  loop.on_signal({SIGINT, SIGTERM}, [&](int) { loop.spawn(region.stop()); });
  loop.spawn(region.run());
  loop.run();
  return region.status();
}

}  // namespace godwit::apps
