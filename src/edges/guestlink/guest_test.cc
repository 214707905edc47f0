// Boots a real guest under QEMU (TCG) with our init, and talks to it over the control channel.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "edges/guestlink/link.h"
#include "edges/guestlink/log_store.h"
#include "lib/io/child.h"
#include "lib/io/loop.h"
#include "lib/io/stream.h"

#ifdef GODWIT_INITRAMFS

namespace godwit::guestlink {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kAddress[] = "100.64.0.7";
// Longer by far than any boot seen (8.4 s): the host may be loaded.
constexpr seconds kBoot{60};
const ExecResult kNoResult;

Time wall() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One guest: its files, QEMU, log store; made and torn down by the test.
class GuestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists("/usr/lib/godwit/kernel/vmlinuz")) GTEST_SKIP() << "no guest kernel here";
    dir_ = std::format("{}/guest-{}", ::testing::TempDir(), ::getpid());
    fs::remove_all(dir_);
    fs::create_directories(dir_ + "/image/bin");
    fs::create_directories(dir_ + "/image/srv");
    fs::copy_file(GODWIT_GUEST_PROGRAM, dir_ + "/image/bin/app");
  }
  void TearDown() override {
    if (qemu_.pid != 0) (void)io::send_signal(qemu_, SIGKILL);
    if (HasFailure()) std::fprintf(stderr, "%s\n", slurp(dir_ + "/console").c_str());
  }

  // Lists in braces are built outside coroutines: gcc 14 fails on them inside.
  std::vector<std::vector<std::string>> preparations() const {
    const std::string disk = dir_ + "/disk.raw", guest = std::string(kAddress) + "/32";
    return {{"truncate", "-s", "24M", disk},
            {"mkfs.ext4", "-q", "-F", "-d", dir_ + "/image", disk},
            // Larger than the file system, which init grows.
            {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk,
             dir_ + "/overlay.qcow2", "64M"},
            {"ip", "tuntap", "add", "tapg", "mode", "tap", "vnet_hdr"},
            {"ip", "link", "set", "tapg", "mtu", "1344", "up"},
            {"ip", "addr", "add", "169.254.1.1/32", "dev", "tapg"},
            {"ip", "route", "add", guest, "dev", "tapg"}};
  }

  Status launch() {
    ASSIGN_OR_RETURN(qemu_, io::start_program({.argv = qemu(), .output = dir_ + "/qemu"}));
    return {};
  }

  io::Task<Status> boot() {
    for (const std::vector<std::string>& argv : preparations())
      CO_TRY(co_await io::run_program(argv, dir_ + "/out"));
    co_return launch();
  }

  std::vector<std::string> qemu() const {
    return {
        "qemu-system-x86_64",
        "-M",
        "pc-i440fx-10.0,hpet=off,vmport=off",
        "-cpu",
        "qemu64",
        "-m",
        "128",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-accel",
        "tcg,thread=multi,tb-size=64",
        "-kernel",
        "/usr/lib/godwit/kernel/vmlinuz",
        "-initrd",
        GODWIT_INITRAMFS,
        "-append",
        std::format("console=ttyS0 panic=-1 clocksource=acpi_pm tsc=unstable nokaslr "
                    "mitigations=off random.trust_cpu=on quiet godwit.address={} godwit.mtu=1344",
                    kAddress),
        "-drive",
        std::format("file={}/overlay.qcow2,format=qcow2,if=none,id=d", dir_),
        "-device",
        "virtio-blk-pci,drive=d",
        "-netdev",
        "tap,id=n0,ifname=tapg,script=no,downscript=no,vhost=off",
        "-device",
        "virtio-net-pci,netdev=n0,mac=02:00:64:40:00:07,host_mtu=1344,romfile=",
        "-chardev",
        std::format("file,id=con0,path={}/console", dir_),
        "-serial",
        "chardev:con0",
        "-device",
        "virtio-serial-pci,id=vs0,max_ports=4",
        "-chardev",
        std::format("socket,id=ctl0,path={}/q.ctl,server=on,wait=off", dir_),
        "-device",
        "virtserialport,bus=vs0.0,nr=1,chardev=ctl0,name=q.ctl",
        "-qmp",
        std::format("unix:{}/qmp,server=on,wait=off", dir_)};
  }

  std::string dir_;
  io::RunningProgram qemu_;
};

template <class... Words>
frame::Program app(Words... words) {
  return {{"app", std::string(words)...}, {"GREETING=hi", "PATH=/bin"}, "/srv", 1000, 100};
}

io::Task<bool> until(std::function<bool()> condition, Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition() && std::chrono::steady_clock::now() < deadline)
    co_await io::sleep(milliseconds{50});
  co_return condition();
}

// Runs the test's coroutine on the loop until it ends.
void on_loop(io::Loop& loop, io::Task<void> task) {
  const auto all = [](io::Loop& l, io::Task<void> t) -> io::Task<void> {
    co_await std::move(t);
    l.stop();
  };
  loop.spawn(all(loop, std::move(task)));
  loop.run();
}

#define CO_ASSERT(condition)                                   \
  do {                                                         \
    if (const bool ok_ = static_cast<bool>(condition); !ok_) { \
      ADD_FAILURE() << #condition;                             \
      co_return;                                               \
    }                                                          \
  } while (false)

class WholeLife : public GuestTest {
 protected:
  static constexpr std::uint64_t kLines = 6000;

  static frame::Start container() {
    frame::Start start{.program = app("serve", std::to_string(kLines), "1000"), .hostname = "g7"};
    start.health = {.kind = frame::HealthKind::kTcp, .port = 7000, .interval_ms = 500};
    return start;
  }
  static frame::Program missing_program() {
    frame::Program program = app();
    program.argv = {"nothing"};
    return program;
  }

  io::Task<void> live() {
    const Status booted = co_await boot();
    EXPECT_TRUE(booted) << to_string(booted.error());
    CO_ASSERT(booted);
    link_.start();
    CO_ASSERT(co_await link_.wait_connected(kBoot));
    co_await set_clock(-2'000'000);
    const frame::Start start = container();
    const Status started = co_await link_.start_container(start);
    EXPECT_TRUE(started) << to_string(started.error());
    CO_ASSERT(started);
    EXPECT_TRUE(co_await link_.start_container(start)) << "already started is success";
    co_await exec_programs();
    co_await check_clock();
    CO_ASSERT(
        co_await until([&] { return link_.state().health == frame::Health::kHealthy; }, kBoot));
    auto outside = co_await io::Stream::connect_tcp(kAddress, 7000, seconds{10});
    EXPECT_TRUE(outside) << "the container answers at the guest's address";
    EXPECT_TRUE(co_await link_.signal(SIGUSR1));
    co_await reconnect_often();
    CO_ASSERT(co_await until([&] { return log_.last_sequence() >= kLines + 1; }, kBoot));
    EXPECT_TRUE(co_await link_.stop_container(seconds{10}));
    CO_ASSERT(co_await until([&] { return link_.state().phase == frame::Phase::kEnded; }, kBoot));
    EXPECT_EQ(link_.state().exit_status, 3);
    EXPECT_EQ(link_.state().runs, 1u);
    EXPECT_TRUE(co_await link_.power_off());
    CO_ASSERT(co_await until([&] { return !io::is_alive(qemu_); }, kBoot));
  }

  io::Task<void> exec_programs() {
    const auto shown = co_await link_.exec(app("show"), seconds{20});
    CO_ASSERT(shown);
    EXPECT_EQ(shown->out, "1000:100 /srv hi\n");
    EXPECT_EQ(shown->err, "err\n");
    EXPECT_EQ(shown->exit_status, 0);
    const auto failed = co_await link_.exec(app("exit", "7"), seconds{20});
    EXPECT_EQ(failed.value_or(kNoResult).exit_status, 7);
    const auto killed = co_await link_.exec(app("wait"), milliseconds{300});
    EXPECT_EQ(killed.value_or(kNoResult).signal, SIGKILL);
    const auto missing = co_await link_.exec(missing_program(), seconds{20});
    EXPECT_EQ(missing.value_or(kNoResult).error, "nothing: run: No such file or directory");
    const auto large = co_await link_.exec(app("print", "640000"), seconds{60});
    EXPECT_EQ(large.value_or(kNoResult).out.size(), 640'000u);
  }

  io::Task<void> stop_for(Duration pause) {
    auto monitor = co_await io::Stream::connect_unix(dir_ + "/qmp");
    CO_ASSERT(monitor);
    CO_ASSERT(co_await monitor->read_line(4096));
    CO_ASSERT(co_await monitor->write_all("{\"execute\":\"qmp_capabilities\"}"));
    CO_ASSERT(co_await monitor->write_all("{\"execute\":\"stop\"}"));
    co_await io::sleep(pause);
    CO_ASSERT(co_await monitor->write_all("{\"execute\":\"cont\"}"));
    co_await io::sleep(milliseconds{100});
  }

  io::Task<void> set_clock(std::int64_t behind_us_min) {
    const auto set = co_await link_.set_clock();
    CO_ASSERT(set);
    EXPECT_GE(set->behind_us, behind_us_min);
    const auto reading = co_await link_.measure_clock();
    CO_ASSERT(reading);
    EXPECT_LT(std::abs(reading->ahead.count()), 100'000) << "us";
    std::printf("clock: was behind by %ld us, stepped %ld us; now ahead by %ld us +- %ld us\n",
                static_cast<long>(set->behind_us), static_cast<long>(set->stepped_us),
                static_cast<long>(reading->ahead.count()),
                static_cast<long>(reading->round_trip.count() / 2));
  }

  // Stopped for a second and a half, as in a move, the guest is behind; it is right again as soon
  // as it was told the time.
  io::Task<void> check_clock() {
    co_await stop_for(milliseconds{1500});
    co_await set_clock(1'200'000);
  }

  // The node's side dies and comes back, over and over, while lines stream and an exec runs.
  io::Task<void> reconnect_often() {
    std::optional<Result<ExecResult>> long_exec;
    const auto exec = [](Link& link, std::optional<Result<ExecResult>>& out) -> io::Task<void> {
      out = co_await link.exec(app("print", "2000000"), seconds{60});
    };
    loop_.spawn(exec(link_, long_exec));
    for (int i = 0; i < 10; ++i) {
      co_await io::sleep(milliseconds{150});
      link_.break_connection();
      (void)co_await link_.wait_connected(seconds{20});
    }
    CO_ASSERT(co_await until([&] { return long_exec.has_value(); }, kBoot));
    EXPECT_EQ(long_exec->value_or(kNoResult).out.size(), 2'000'000u);
  }

  io::Loop loop_;
  LogStore log_ =
      LogStore::open(std::format("{}/guest-log-{}", ::testing::TempDir(), ::getpid()), {}).value();
  std::vector<std::string> events_;
  Link link_{loop_,
             {.socket = std::format("{}/guest-{}/q.ctl", ::testing::TempDir(), ::getpid())},
             log_,
             wall,
             [this](const LinkEvent& event) {
               if (const auto* failed = std::get_if<LogFailed>(&event))
                 ADD_FAILURE() << to_string(failed->error);
             }};
};

TEST_F(WholeLife, EveryLineOnceOverReconnects) {
  on_loop(loop_, live());
  std::uint64_t next = 1, signals = 0;
  const std::vector<frame::LogLine> lines = log_.read().value();
  for (const frame::LogLine& line : lines) {
    if (line.text == std::format("signal {}", SIGUSR1))
      ++signals;
    else
      EXPECT_EQ(line.text, std::format("line {}", next++));
  }
  EXPECT_EQ(next, kLines + 1);
  EXPECT_EQ(signals, 1u);
}

}  // namespace
}  // namespace godwit::guestlink

#endif
