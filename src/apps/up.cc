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
#include <optional>

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

constexpr const char* kUpUsage =
    R"(usage: godwit up [--dir DIR] [--market NAME] [-o json] [--foreground]

Starts a cloud on this host, the control plane and the gateway, and waits until they are ready.
  --dir DIR       configurations, logs, credentials; default $XDG_STATE_HOME/godwit or /run/godwit
  --market NAME   prices: a file of data/markets without .json, or a path; default aws-2021
  -o json         say where everything is in JSON
  --foreground    stay, and end it all at Ctrl-C
Example: godwit up --market steady && godwit get nodes)";
constexpr const char* kDownUsage =
    "usage: godwit down [--dir DIR]\n\nEnds what `godwit up` started.";

struct Options {
  std::string dir = default_up_dir(), market = "aws-2021";
  bool json = false, foreground = false;
};

std::optional<Options> parse(const std::vector<std::string>& words, bool up) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (words[i] == "--dir" && more) {
      options.dir = words[++i];
    } else if (up && words[i] == "--market" && more) {
      options.market = words[++i];
    } else if (up && words[i] == "-o" && more && words[i + 1] == "json") {
      options.json = true;
      ++i;
    } else if (up && words[i] == "--foreground") {
      options.foreground = true;
    } else {
      return std::nullopt;
    }
  }
  options.dir = std::filesystem::absolute(options.dir).lexically_normal().string();
  return options;
}

int usage(const std::vector<std::string>& words, const char* text) {
  const bool asked = words.size() == 1 && (words[0] == "--help" || words[0] == "-h");
  std::fprintf(asked ? stdout : stderr, "%s\n", text);
  return asked ? cli::kDone : cli::kUsage;
}

int report(const Error& error, int status) {
  std::fprintf(stderr, "godwit: %s\n", error.message.c_str());
  return status;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void print(const Options& options, bool before) {
  const std::string text = read_file(options.dir + "/up.json");
  if (options.json) {
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
      "  operator     godwit cloud ctl --socket %s ...\n"
      "  clients      ip netns exec %s ..., published ports are at %s\n"
      "  logs         %s/{cloud,serve,gateway}.log\n",
      before ? "godwit runs already" : "godwit is up", field("market").c_str(),
      field("server").c_str(), field("credentials").c_str(), field("ec2").c_str(),
      options.dir.c_str(), field("ec2_authority").c_str(), field("images").c_str(),
      field("cloud_socket").c_str(), field("outside_namespace").c_str(),
      field("public_address").c_str(), options.dir.c_str());
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
io::Task<void> await_up(io::Loop& loop, const Options& options, int& status) {
  const std::string ready = options.dir + "/up.json";
  while (access(ready.c_str(), F_OK) != 0 && is_locked(options.dir)) co_await io::sleep(kLook);
  status = access(ready.c_str(), F_OK) == 0 ? 0 : cli::kUnavailable;
  loop.stop();
}

int await_up(const Options& options, bool before) {
  io::Loop loop;
  int status = cli::kInternal;
  loop.spawn(await_up(loop, options, status));
  loop.run();
  if (status == 0) print(options, before);
  return status;
}

int start_in_background(const Options& options, const std::string& market) {
  const std::string log = options.dir + "/up.log";
  unlink(log.c_str());
  unlink((options.dir + "/up.json").c_str());
  const io::ProgramStart start{
      .argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "up", "--foreground",
               "--dir", options.dir, "--market", market},
      .output = log};
  const auto program = io::start_program(start);
  if (!program) return report(program.error(), cli::kUnavailable);
  // It has the lock before it has anything else.
  while (!is_locked(options.dir) && io::is_alive(*program)) usleep(10'000);
  const int status = await_up(options, false);
  if (status != 0) std::fprintf(stderr, "%s", read_file(log).c_str());
  return status;
}

io::Task<void> end_all(io::Loop& loop, const Options& options, bool& ran) {
  const auto supervisor = io::read_pid_file(options.dir + "/up.pid");
  ran = supervisor.has_value();
  if (ran) {
    (void)io::send_signal(*supervisor, SIGTERM);
    (void)co_await io::wait_ended(*supervisor);
  }
  // Of one that was killed.
  co_await end_leftovers(options.dir, kRegionEndOrder, Patience{}.stop);
  unlink((options.dir + "/up.json").c_str());
  loop.stop();
}

}  // namespace

int run_up(const std::vector<std::string>& words) {
  const auto options = parse(words, true);
  if (!options) return usage(words, kUpUsage);
  if (is_locked(options->dir)) return await_up(*options, true);
  const auto market = find_market(options->market);
  if (!market) return report(market.error(), cli::kNoInput);
  if (!options->foreground) {
    std::error_code error;
    std::filesystem::create_directories(options->dir, error);
    return start_in_background(*options, std::filesystem::absolute(*market).string());
  }
  if (const Status locked = lock_region(options->dir); !locked)
    return report(locked.error(), cli::kTryAgain);
  return run_region({options->dir, *market});
}

int run_down(const std::vector<std::string>& words) {
  const auto options = parse(words, false);
  if (!options) return usage(words, kDownUsage);
  io::Loop loop;
  bool ran = false;
  loop.spawn(end_all(loop, *options, ran));
  loop.run();
  if (const Status gone = remove_network(); !gone)
    return report(gone.error(), cli::exit_status(gone.error().code));
  std::printf(ran ? "godwit is down\n" : "nothing ran in %s\n", options->dir.c_str());
  return cli::kDone;
}

}  // namespace godwit::apps
