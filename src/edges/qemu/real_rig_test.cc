#include "edges/qemu/real_rig_test.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "edges/qemu/command_line.h"
#include "lib/cgroup/cgroup.h"
#include "lib/io/child.h"
#include "lib/tls/digest.h"

namespace godwit::qemu {
namespace {

constexpr const char* kKernel = "/usr/lib/godwit/kernel/vmlinuz";

// One block per tick, each written through, one older block read back and compared with memory.
constexpr const char* kInit = R"(
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
enum { kBlocks = 2000, kSize = 4096 };
static unsigned char wrote[kBlocks];
static char ram[8 << 20];
int main(void) {
  static char block[kSize] __attribute__((aligned(4096)));
  mkdir("/dev", 0755);
  mount("dev", "/dev", "devtmpfs", 0, 0);
  int console = open("/dev/console", O_RDWR);
  dup2(console, 1);
  int module = open("/virtio_blk.ko", O_RDONLY);
  if (module < 0 || syscall(SYS_finit_module, module, "", 0) != 0) printf("BAD module\n");
  int disk = -1;
  while ((disk = open("/dev/vda", O_RDWR | O_SYNC)) < 0) usleep(20000);
  for (unsigned tick = 1;; ++tick) {
    unsigned at = tick * 7919u % kBlocks, old = tick * 104729u % kBlocks;
    unsigned char mark = (unsigned char)(tick % 251 + 1);
    memset(block, mark, kSize);
    if (pwrite(disk, block, kSize, (off_t)at * kSize) != kSize) printf("BAD write %u\n", tick);
    wrote[at] = mark;
    memset(ram + tick % 2048 * 4096, mark, 4096);
    posix_fadvise(disk, 0, 0, POSIX_FADV_DONTNEED);
    if (wrote[old] != 0) {
      if (pread(disk, block, kSize, (off_t)old * kSize) != kSize) printf("BAD read %u\n", tick);
      if ((unsigned char)block[0] != wrote[old] || (unsigned char)block[kSize - 1] != wrote[old])
        printf("BAD block %u at tick %u\n", old, tick);
    }
    if (tick % 10 == 0) printf("tick %u\n", tick);
    fflush(stdout);
    usleep(5000);
  }
}
)";

std::string temporary_directory() {
  std::string path = ::testing::TempDir() + "/qemu-XXXXXX";
  CHECK(::mkdtemp(path.data()) != nullptr);
  CHECK(::chmod(path.c_str(), 0711) == 0);
  return path;
}

TestImages make_images() {
  const std::string dir = temporary_directory();
  std::ofstream(dir + "/init.c") << kInit;
  std::filesystem::create_directory(dir + "/root");
  const std::string script = std::format(
      "set -e; cd {0}; gcc -static -O1 -w -o root/init init.c; "
      "xz -dc $(find /usr/lib/godwit/kernel/modules -name virtio_blk.ko.xz) >root/virtio_blk.ko; "
      "(cd root && find . | cpio -o -H newc --quiet) >initramfs; cp {1} kernel; "
      "truncate -s 16M base",
      dir, kKernel);
  CHECK(std::system(script.c_str()) == 0);
  TestImages images{.dir = dir};
  const auto take_in = [&](const char* name) {
    std::string hash = *tls::sha256_of_file(dir + "/" + name);
    std::filesystem::rename(dir + "/" + name, dir + "/" + hash);
    return hash;
  };
  images.kernel = take_in("kernel");
  images.initramfs = take_in("initramfs");
  images.base = take_in("base");
  return images;
}

}  // namespace

bool real_qemu_is_here() {
  return ::access("/usr/bin/qemu-system-x86_64", X_OK) == 0 && ::access(kKernel, R_OK) == 0 &&
         ::access("/usr/bin/gcc", X_OK) == 0;
}

const TestImages& test_images() {
  static const TestImages images = make_images();
  return images;
}

void RealRig::Events::offer(ports::HypervisorEvent event) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(event.answer));
  arrived_.notify_all();
}

std::optional<ports::HypervisorAnswer> RealRig::Events::take(Duration timeout) {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, timeout, [this] { return !answers_.empty(); })) return std::nullopt;
  ports::HypervisorAnswer answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

void RealRig::Events::clear() {
  const std::lock_guard lock(mutex_);
  answers_.clear();
}

RealRig::RealRig() : dir_(temporary_directory()) {
  for (int n = 0; n < 2; ++n) {
    Config& config = nodes_[n].config;
    config.run_dir = std::format("{}/{}", dir_, n);
    config.disk_dir = std::format("{}/disk{}", dir_, n);
    if (real_qemu_is_here()) config.image_dir = test_images().dir;
    if (::geteuid() == 0) {
      config.uid_first = 200000;
      config.uid_count = 4;
      if (cgroup::probe())
        config.cgroup = std::format("godwit-{}-{}", dir_.substr(dir_.rfind('/') + 1), n);
    }
    config.listen_address = "127.0.0.1";
    config.port_first = 41000;  // Both nodes share them: one's listener is the other's taken port.
    config.port_last = 41063;
    start_agent(n);
  }
}

RealRig::~RealRig() {
  for (int n = 0; n < 2; ++n) {
    stop_agent(n);
    kill(n);
  }
  std::filesystem::remove_all(dir_);
  for (const Node& node : nodes_) {
    if (node.config.cgroup.empty()) continue;
    const auto group = cgroup::Group::create(node.config.cgroup);
    for (int i = 0; group && i < 100; ++i) {  // What was killed is gone a little later.
      const auto members = (*group)->members();
      if (!members || members->empty()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    cgroup::sweep(node.config.cgroup, 0);
  }
}

void RealRig::start_agent(int n) {
  Node& node = nodes_[n];
  node.loop = std::make_unique<io::Loop>();
  node.hypervisor = std::make_unique<Hypervisor>(*node.loop, node.config, node.events);
  node.thread = std::thread([loop = node.loop.get()] { loop->run(); });
}

void RealRig::stop_agent(int n) {
  Node& node = nodes_[n];
  node.loop->stop();
  node.thread.join();
  node.hypervisor.reset();
  node.loop.reset();
}

std::optional<ports::HypervisorAnswer> RealRig::next(int n) {
  return nodes_[n].events.take(std::chrono::seconds{40});
}

void RealRig::restart_agent(int n) {
  stop_agent(n);
  nodes_[n].events.clear();
  start_agent(n);
}

void RealRig::kill(int n) {
  if (const auto program = io::read_pid_file(files(n).pid))
    (void)io::send_signal(*program, SIGKILL);
}

void RealRig::halt(int n) {
  if (const auto program = io::read_pid_file(files(n).pid))
    (void)io::send_signal(*program, SIGSTOP);
}

void RealRig::configure(const std::function<void(Config&)>& change) {
  for (int n = 0; n < 2; ++n) {
    change(nodes_[n].config);
    restart_agent(n);
  }
}

void RealRig::hold_stream(bool on) {
  configure([on](Config& config) {
    config.stream.bytes_per_second_max = on ? 200 << 10 : StreamSettings{}.bytes_per_second_max;
  });
}

ports::MachineRecord RealRig::machine() const {
  ports::MachineRecord m;
  m.qemu_version = "10.0.13";
  m.machine_type = "pc-i440fx-10.0,hpet=off,vmport=off";
  m.cpu_model = "qemu64";
  m.memory_mib = 128;
  m.overlay_bytes = 16 << 20;
  m.mac = "02:00:00:00:00:01";
  m.kernel_sha256 = test_images().kernel;
  m.initramfs_sha256 = test_images().initramfs;
  m.base_sha256 = test_images().base;
  m.append =
      "console=ttyS0 panic=-1 clocksource=acpi_pm tsc=unstable nokaslr mitigations=off "
      "random.trust_cpu=on quiet";
  return m;
}

GuestFiles RealRig::files(int n) const { return *files_of(nodes_[n].config, GuestId{"g1"}); }

std::string RealRig::console(int n) const {
  std::ifstream file(files(n).console);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

std::string RealRig::overlay(int n) const { return files(n).overlay; }

}  // namespace godwit::qemu
