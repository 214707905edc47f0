#include "apps/up.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>

#include "apps/console.h"
#include "apps/region.h"
#include "apps/supervisor.h"
#include "apps/up_files.h"
#include "apps/up_network.h"
#include "cli/exit_status.h"
#include "lib/io/child.h"
#include "lib/io/loop.h"
#include "lib/json/json.h"

namespace godwit::apps {
namespace {

std::string absolute_dir(const std::string& dir) {
  return std::filesystem::absolute(dir.empty() ? default_up_dir() : dir)
      .lexically_normal()
      .string();
}

int report(const Error& error, int status) {
  std::fprintf(stderr, "godwit: %s\n", error.message.c_str());
  return status;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void print(const cli::UpFlags& flags, bool before) {
  const std::string text = read_file(flags.dir + "/up.json");
  if (flags.json) {
    std::fputs(text.c_str(), stdout);
    return;
  }
  const auto value = json::parse(text).value_or(json::Value{});
  const auto field = [&](const char* name) { return value[name].text(); };
  std::printf(
      "%s\n  market       %s\n  API          %s (GODWIT_SERVER)\n"
      "  credentials  %s (GODWIT_CREDENTIALS)\n  EC2          %s, keys in %s/cloud.json, "
      "AWS_CA_BUNDLE=%s\n"
      "  images       godwit image import PATH --store %s\n"
      "  cloud        %s (GODWIT_CLOUD_SOCKET): godwit cloud status\n"
      "  clients      ip netns exec %s ..., published ports are at %s\n"
      "  logs         %s/{cloud,serve,gateway}.log\n",
      before ? "godwit runs already" : "godwit is up", field("market").c_str(),
      field("server").c_str(), field("credentials").c_str(), field("ec2").c_str(),
      flags.dir.c_str(), field("ec2_authority").c_str(), field("images").c_str(),
      field("cloud_socket").c_str(), field("outside_namespace").c_str(),
      field("public_address").c_str(), flags.dir.c_str());
  std::fflush(stdout);
}

bool is_locked(const std::string& dir) {
  const int fd = open((dir + "/up.lock").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
  close(fd);
  return !free;
}

constexpr Duration kLook = std::chrono::milliseconds{50};

// Whoever started the supervisor waits until it is ready, or has ended.
io::Task<void> await_up(io::Loop& loop, const cli::UpFlags& flags, int& status) {
  const std::string ready = flags.dir + "/up.json";
  while (access(ready.c_str(), F_OK) != 0 && is_locked(flags.dir)) co_await io::sleep(kLook);
  status = access(ready.c_str(), F_OK) == 0 ? 0 : cli::kUnavailable;
  loop.stop();
}

int await_up(const cli::UpFlags& flags, bool before) {
  io::Loop loop;
  int status = cli::kInternal;
  loop.spawn(await_up(loop, flags, status));
  loop.run();
  if (status == 0) print(flags, before);
  return status;
}

int start_in_background(const cli::UpFlags& flags, const std::string& market) {
  const std::string log = flags.dir + "/up.log";
  unlink(log.c_str());
  unlink((flags.dir + "/up.json").c_str());
  const io::ProgramStart start{
      .argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "up", "--foreground",
               "--dir", flags.dir, "--market", market},
      .output = log};
  const auto program = io::start_program(start);
  if (!program) return report(program.error(), cli::kUnavailable);
  // It has the lock before it has anything else.
  while (!is_locked(flags.dir) && io::is_alive(*program)) usleep(10'000);
  const int status = await_up(flags, false);
  if (status != 0) std::fprintf(stderr, "%s", read_file(log).c_str());
  return status;
}

io::Task<void> end_all(io::Loop& loop, std::string dir, bool& ran) {
  const auto supervisor = io::read_pid_file(dir + "/up.pid");
  ran = supervisor.has_value();
  if (ran) {
    (void)io::send_signal(*supervisor, SIGTERM);
    (void)co_await io::wait_ended(*supervisor);
  }
  // Of one that was killed.
  co_await end_leftovers(dir, kRegionEndOrder, Patience{}.stop);
  unlink((dir + "/up.json").c_str());
  loop.stop();
}

}  // namespace

int run_up(const cli::UpFlags& asked) {
  cli::UpFlags flags = asked;
  flags.dir = absolute_dir(asked.dir);
  if (is_locked(flags.dir)) return await_up(flags, true);
  const auto market = find_market(flags.market);
  if (!market) return report(market.error(), cli::kNoInput);
  if (!flags.foreground) {
    std::error_code error;
    std::filesystem::create_directories(flags.dir, error);
    return start_in_background(flags, std::filesystem::absolute(*market).string());
  }
  if (const Status locked = lock_region(flags.dir); !locked)
    return report(locked.error(), cli::kTryAgain);
  return run_region({flags.dir, *market});
}

int run_down(const std::string& asked) {
  const std::string dir = absolute_dir(asked);
  io::Loop loop;
  bool ran = false;
  loop.spawn(end_all(loop, dir, ran));
  loop.run();
  if (const Status gone = remove_network(); !gone)
    return report(gone.error(), cli::exit_status(gone.error().code));
  std::printf(ran ? "godwit is down\n" : "nothing ran in %s\n", dir.c_str());
  return cli::kDone;
}

}  // namespace godwit::apps
